"""From chunks to packets: no sample and no character is lost, whatever the chunking."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.audio.encoder import Samples
from streaming.audio.formats import FORMATS, PCM_RATES
from streaming.audio.packets import FrameJoiner
from streaming.audio.pcm import encode_pcm16
from streaming.audio.resample import Resampler
from streaming.protocol.packet import Alignment, Packet
from streaming.protocol.speaking_rate import SpeakingRate, Tempo
from streaming.speech.delivery import Delivery, end_of_stream
from streaming.text.rewriting import Rewriting, Segment

SOURCE_RATE = 24000
NOISE: Samples = np.random.default_rng(1).uniform(-1, 1, 24_000).astype(np.float32)
TEXT = "Hello, world. 你好。"


@dataclass
class Cutting:
    """How the audio arrives: where it is cut, and how far into the text each chunk reaches, if the engine says so."""

    cuts: list[int]
    reached: list[int] | None
    frames: list[int]


CUTTINGS = st.builds(
    Cutting,
    st.lists(st.integers(0, len(NOISE)), max_size=12).map(sorted),
    st.none() | st.lists(st.integers(0, len(TEXT)), min_size=13, max_size=13).map(sorted),
    st.lists(st.integers(1, 4), max_size=4),
)


def delivery(
    rate: int = SOURCE_RATE,
    *,
    text: str | Rewriting = TEXT,
    frames: list[int] | None = None,
    most_ms: int = 60,
    pause: float = 0.0,
    is_timed: bool = True,
    tempo: Tempo | None = None,
) -> Delivery:
    joiner = FrameJoiner(frames or [])
    return Delivery(
        text=Rewriting.unchanged(text) if isinstance(text, str) else text,
        source_rate=SOURCE_RATE,
        encoder=FORMATS[f"pcm_{rate}"].new_encoder(),
        joiner=joiner,
        max_packet_ms=most_ms,
        pause=pause,
        is_timed=is_timed,
        tempo=tempo,
    )


def delivered(
    rate: int, cutting: Cutting, samples: Samples = NOISE, *, text: str | Rewriting = TEXT, pause: float = 0.0
) -> list[Packet]:
    on_its_way, packets = delivery(rate, text=text, frames=cutting.frames, pause=pause), list[Packet]()
    edges = [0, *cutting.cuts, len(samples)]
    for index, (start, end) in enumerate(pairwise(edges)):
        text_end = cutting.reached[index] if cutting.reached else None
        packets += on_its_way.push(samples[start:end], text_end=text_end, last=index == len(edges) - 2)
    return packets


def one_shot(rate: int, samples: Samples = NOISE) -> bytes:
    resampler = Resampler(SOURCE_RATE, rate)
    return encode_pcm16(np.concatenate([resampler.push(samples), resampler.finish()]))


def payload(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def chars(packets: list[Packet]) -> str:
    return "".join(char for packet in packets if packet.alignment for char in packet.alignment.chars)


def spoken_chars(packets: list[Packet]) -> str:
    return "".join(
        char for packet in packets if packet.normalized_alignment for char in packet.normalized_alignment.chars
    )


def aligned_ms(packets: list[Packet]) -> int:
    return sum(sum(packet.alignment.durations_ms) for packet in packets if packet.alignment)


def spoken_ms(packets: list[Packet]) -> int:
    return sum(sum(packet.normalized_alignment.durations_ms) for packet in packets if packet.normalized_alignment)


def audio_ms(packets: list[Packet], rate: int = SOURCE_RATE) -> int:
    # Counted in samples: the sum of many fractions may miss the half of a millisecond.
    return round(sum(round(packet.seconds * rate) for packet in packets) / rate * 1000)


def spans(alignments: list[tuple[float, Alignment | None]]) -> dict[str, float]:
    """When each (different) character begins, in milliseconds from the start of the utterance."""
    return {
        char: round(origin * 1000) + start
        for origin, alignment in alignments
        if alignment
        for char, start in zip(alignment.chars, alignment.starts_ms, strict=True)
    }


@pytest.mark.parametrize("rate", PCM_RATES)
def test_one_chunk_is_cut_into_packets_of_at_most_60_ms(rate: int) -> None:
    packets = list(delivery(rate).push(NOISE, last=True))
    assert payload(packets) == one_shot(rate)
    assert max(packet.seconds for packet in packets) <= 0.06


@given(st.sampled_from(PCM_RATES), CUTTINGS)
def test_the_audio_is_the_same_for_any_chunking(rate: int, cutting: Cutting) -> None:
    assert payload(delivered(rate, cutting)) == one_shot(rate)


@given(st.sampled_from(PCM_RATES), CUTTINGS)
def test_no_packet_is_empty_or_over_the_limit(rate: int, cutting: Cutting) -> None:
    for packet in delivered(rate, cutting):
        assert 0 < packet.seconds <= 0.06
        assert len(packet.payload) == round(packet.seconds * rate) * 2


@given(st.sampled_from(PCM_RATES), CUTTINGS)
@example(SOURCE_RATE, Cutting([len(NOISE)], None, []))
def test_every_character_comes_once_and_in_order(rate: int, cutting: Cutting) -> None:
    assert chars(delivered(rate, cutting)) == TEXT


@given(st.sampled_from(PCM_RATES), CUTTINGS)
@example(SOURCE_RATE, Cutting([len(NOISE)], None, []))
def test_the_spans_are_as_long_as_the_audio(rate: int, cutting: Cutting) -> None:
    packets = delivered(rate, cutting)
    assert aligned_ms(packets) == audio_ms(packets, rate)


@given(st.sampled_from(PCM_RATES), CUTTINGS)
def test_the_last_character_comes_with_the_last_packet(rate: int, cutting: Cutting) -> None:
    alignment = delivered(rate, cutting)[-1].alignment
    assert alignment is not None
    assert alignment.chars[-1] == TEXT[-1]


@given(st.sampled_from(PCM_RATES), CUTTINGS)
def test_no_character_begins_behind_its_packet(rate: int, cutting: Cutting) -> None:
    """The first one may have begun before it: it is sent when its end is known."""
    for packet in delivered(rate, cutting):
        if packet.alignment:
            assert list(packet.alignment.starts_ms) == sorted(packet.alignment.starts_ms)
            assert max(packet.alignment.starts_ms) <= packet.seconds * 1000 + 1


@given(st.integers(5, 1000))
def test_the_limit_is_the_one_that_is_set(most_ms: int) -> None:
    packets = list(delivery(most_ms=most_ms).push(NOISE, last=True))
    assert max(packet.seconds for packet in packets) <= most_ms / 1000


def test_a_very_short_limit_still_lets_samples_through() -> None:
    assert len(list(delivery(8000, most_ms=0).push(NOISE[:300], last=True))) == 100


def test_frames_are_held_until_there_are_enough_of_them() -> None:
    on_its_way = delivery(frames=[2], text="")
    assert list(on_its_way.push(NOISE[:1000])) == []
    assert payload(list(on_its_way.push(NOISE[1000:1200]))) == one_shot(SOURCE_RATE, NOISE[:1200])


def test_the_last_chunk_lets_go_what_is_held() -> None:
    on_its_way = delivery(frames=[9])
    assert list(on_its_way.push(NOISE[:500])) == []
    assert payload(list(on_its_way.push(NOISE[500:900], last=True))) == one_shot(SOURCE_RATE, NOISE[:900])


@pytest.mark.parametrize("rate", PCM_RATES)
def test_a_source_that_ends_without_a_last_chunk_loses_no_sample(rate: int) -> None:
    on_its_way = delivery(rate, text="")
    packets = [*on_its_way.push(NOISE), *on_its_way.finish()]
    assert payload(packets) == one_shot(rate)


@pytest.mark.parametrize("rate", PCM_RATES)
def test_a_source_that_ends_without_a_last_chunk_loses_no_character(rate: int) -> None:
    on_its_way = delivery(rate)
    packets = [*on_its_way.push(NOISE), *on_its_way.finish()]
    assert chars(packets) == TEXT
    assert aligned_ms(packets) == 1000


def test_an_utterance_without_audio_has_no_packet() -> None:
    assert list(delivery().finish()) == []
    assert list(delivery(16000).finish()) == []


def test_without_text_there_is_no_alignment() -> None:
    assert {packet.alignment for packet in delivery(text="").push(NOISE, last=True)} == {None}


def test_utterances_of_a_turn_share_their_frames() -> None:
    joiner, lengths = FrameJoiner([1, 2]), []
    for _ in range(2):
        encoder = FORMATS["pcm_24000"].new_encoder()
        on_its_way = Delivery(
            text=Rewriting.unchanged(""), source_rate=SOURCE_RATE, encoder=encoder, joiner=joiner, max_packet_ms=60
        )
        packets = [*on_its_way.push(NOISE[:480]), *on_its_way.push(NOISE[:480], last=True)]
        lengths.append([round(packet.seconds * 1000) for packet in packets])
    assert lengths == [[20, 20], [20, 20]]


@given(st.sampled_from(PCM_RATES), CUTTINGS)
def test_a_packet_says_where_in_its_utterance_it_begins(rate: int, cutting: Cutting) -> None:
    packets = delivered(rate, cutting)
    lengths = [round(packet.seconds * rate) for packet in packets]
    assert [round(packet.start * rate) for packet in packets] == [sum(lengths[:index]) for index in range(len(lengths))]


def test_an_unchanged_text_has_one_alignment_under_both_names() -> None:
    packets = delivered(SOURCE_RATE, Cutting([8000], None, []))
    assert [packet.alignment for packet in packets] == [packet.normalized_alignment for packet in packets]


REWRITINGS = st.lists(
    st.builds(Segment, st.text("abc ", max_size=6), st.text("xyz.", max_size=9)), min_size=1, max_size=4
).map(lambda segments: Rewriting(tuple(segments)))


@given(REWRITINGS, CUTTINGS)
@example(Rewriting((Segment("Dr", ""),)), Cutting([], None, []))
def test_both_texts_come_whole_and_as_long_as_the_audio(text: Rewriting, cutting: Cutting) -> None:
    packets = delivered(SOURCE_RATE, cutting, text=text)
    assert (chars(packets), spoken_chars(packets)) == (text.original, text.spoken)
    assert aligned_ms(packets) in ([audio_ms(packets)] if text.original else [0])
    assert spoken_ms(packets) in ([audio_ms(packets)] if text.spoken else [0])


def test_what_follows_a_replacement_begins_in_both_texts_at_once() -> None:
    text = Rewriting((Segment("1", "abcdefghi"), Segment(" Q", " Q")))
    packets = delivered(SOURCE_RATE, Cutting([18_000], [9, 11], []), text=text)
    original = spans([(packet.start, packet.alignment) for packet in packets])
    spoken = spans([(packet.start, packet.normalized_alignment) for packet in packets])
    assert (original["1"], original[" "]) == (spoken["a"], spoken[" "]) == (0, 750)


@given(st.sampled_from(PCM_RATES), CUTTINGS, st.floats(0.001, 3))
def test_a_pause_is_silence_behind_the_speech(rate: int, cutting: Cutting, pause: float) -> None:
    packets = delivered(rate, cutting, pause=pause)
    assert payload(packets) == one_shot(rate) + bytes(2 * round(pause * rate))
    assert max(packet.seconds for packet in packets) <= 0.06


@given(st.sampled_from(PCM_RATES), CUTTINGS, st.floats(0.001, 3))
def test_a_pause_belongs_to_the_last_character(rate: int, cutting: Cutting, pause: float) -> None:
    packets = delivered(rate, cutting, pause=pause)
    last = [packet for packet in packets if packet.alignment][-1]
    assert last.alignment is not None
    assert chars(packets) == TEXT
    assert aligned_ms(packets) == audio_ms(packets, rate)
    assert last.start < 1
    assert last.alignment.durations_ms[-1] >= 1000 * pause - 1


def test_a_pause_without_speech_is_silence() -> None:
    packets = list(delivery(text="", pause=0.1).finish())
    assert payload(packets) == bytes(2 * 2400)
    assert {packet.alignment for packet in packets} == {None}


def test_a_pause_behind_a_text_without_a_sound_still_shows_the_text() -> None:
    packets = list(delivery(pause=0.1).finish())
    assert (chars(packets), aligned_ms(packets)) == (TEXT, 100)


@pytest.mark.parametrize("name", ["pcm_16000", "ulaw_8000"])
def test_what_holds_nothing_back_has_nothing_at_its_end(name: str) -> None:
    assert end_of_stream(FORMATS[name].new_encoder()) == []


def test_without_times_the_packets_are_the_same_but_for_the_alignment() -> None:
    timed = [*delivery().push(NOISE[:5000], text_end=3), *delivery().push(NOISE[5000:], last=True)]
    untimed = [
        *delivery(is_timed=False).push(NOISE[:5000], text_end=3),
        *delivery(is_timed=False).push(NOISE[5000:], last=True),
    ]
    assert untimed == [packet.without_alignment() for packet in timed]


def test_the_speed_of_a_voice_is_learned_without_times_too() -> None:
    rates = SpeakingRate(), SpeakingRate()
    for rate, is_timed in zip(rates, (True, False), strict=True):
        list(delivery(tempo=Tempo(rate), is_timed=is_timed).push(NOISE, last=True))
    assert rates[0].seconds == pytest.approx(rates[1].seconds) != SpeakingRate().seconds
