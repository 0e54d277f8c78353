"""The times of an engine's pieces, in every format: each character is heard within the audio of its piece."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio.encoder import Samples
from streaming.audio.formats import CONTAINER_FORMATS, FORMATS, PCM_RATES, OutputFormat
from streaming.engine.contract import PcmChunk
from streaming.protocol.context import Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.protocol.speaking_rate import Tempo
from streaming.speech.outlet import Outlet, waiting
from streaming.speech.playback import Playback
from streaming.text.rewriting import Rewriting, Segment
from tests.pure.audio.decoding import by_name, decoded, priming

SOURCE_RATE = 24_000
# Formats that differ in nothing but their bit rate share an encoder's code.
ALL_FORMATS = list(
    {
        (type(output.new_encoder()), output.media_type, output.sample_rate): output
        for output in (*FORMATS.values(), *CONTAINER_FORMATS.values())
    }.values()
)
# The last frame of a codec is filled up, so the audio is up to a frame longer than what was said.
FRAME_MS = {"audio/mpeg": 27, "audio/aac": 43}


@dataclass(frozen=True)
class Piece:
    """What an engine speaks at once, in chunks of so many samples."""

    text: str
    chunks: tuple[int, ...]

    @property
    def samples(self) -> int:
        return sum(self.chunks)


@dataclass(frozen=True)
class Said:
    """An utterance: what the client wrote and the engine was given before its pieces, which are spoken as they are written;
    and the seconds of silence after it."""

    pieces: tuple[Piece, ...]
    replaced: Segment | None = None
    pause: float = 0.0

    @property
    def text(self) -> Rewriting:
        kept = "".join(piece.text for piece in self.pieces)
        return Rewriting((*([self.replaced] if self.replaced else []), Segment(kept, kept)))

    def chunks(self) -> list[PcmChunk]:
        """What the engine sends. The replaced text belongs to the first piece."""
        found, end = list[PcmChunk](), len(self.replaced.spoken) if self.replaced else 0
        for piece in self.pieces:
            end += len(piece.text)
            for number, length in enumerate(piece.chunks, 1):
                text_end = end if number == len(piece.chunks) else None
                found.append(PcmChunk("a", np.full(length, 0.1, np.float32), text_end, False, end))
        last = found.pop()
        return [*found, PcmChunk("a", last.samples, last.text_end, True, last.piece_end)]


@dataclass(frozen=True)
class Span:
    """A character and its times in milliseconds of the response."""

    char: str
    start: int
    end: int


async def delivered(
    said: list[Said], output: OutputFormat, *, hurries: bool, tempo: Tempo | None = None
) -> list[Packet]:
    packets: list[Packet] = []

    async def take(packet: Packet) -> None:
        packets.append(packet)

    playback = Playback(output, Outlet(waiting(take), None), max_packet_ms=60, hurries=hurries)
    for index, each in enumerate(said):
        utterance = Utterance(0, index, each.text.original, Parameters(), each.pause)
        playback.begin(utterance, each.text, SOURCE_RATE, tempo)
        for chunk in each.chunks():
            await playback.send(playback.push(chunk))
        await playback.send(playback.finish())
    await playback.end_turn()
    return packets


def spans(packets: list[Packet], *, normalized: bool = False) -> list[Span]:
    found: list[Span] = []
    for packet in (packet.since_beginning() for packet in packets):
        alignment = packet.normalized_alignment if normalized else packet.alignment
        if alignment:
            columns = zip(alignment.chars, alignment.starts_ms, alignment.durations_ms, strict=True)
            found += [Span(char, start, start + length) for char, start, length in columns]
    return found


def piece_at(rate: float, text: str, chunk: int) -> Piece:
    """Spoken at so many characters a second, in chunks of about so many samples."""
    samples = max(1, round(SOURCE_RATE * len(text) / rate))
    number = -(-samples // chunk)
    edges = [samples * part // number for part in range(number + 1)]
    return Piece(text, tuple(end - start for start, end in pairwise(edges)))


PIECES = st.builds(piece_at, st.floats(1, 40), st.text("ab 你,.1$", min_size=1, max_size=12), st.integers(1000, 40_000))
SAID = st.lists(
    st.builds(
        Said,
        st.lists(PIECES, min_size=1, max_size=3).map(tuple),
        st.none() | st.builds(Segment, st.text("QR", min_size=1, max_size=4), st.text("xyz", min_size=1, max_size=9)),
        st.sampled_from([0.0, 0.3]),
    ),
    min_size=1,
    max_size=3,
)


@given(SAID, st.sampled_from(PCM_RATES), st.booleans())
@settings(max_examples=60)
async def test_every_character_is_heard_within_the_audio_of_its_piece(
    said: list[Said], rate: int, hurries: bool
) -> None:
    packets = await delivered(said, FORMATS[f"pcm_{rate}"], hurries=hurries)
    for normalized in (False, True):
        found = spans(packets, normalized=normalized)
        place = 0
        for piece, start, end in edges_of(said):
            of_piece = found[place : place + len(text_of(piece, said, normalized=normalized))]
            place += len(of_piece)
            # To a millisecond, which rounding may give and resampling take.
            assert of_piece[0].start == pytest.approx(1000 * start, abs=1)
            assert of_piece[-1].end == pytest.approx(1000 * end, abs=1)
        assert place == len(found)
        assert [span.end for span in found[:-1]] == [span.start for span in found[1:]]
        assert found[0].start == 0


def edges_of(said: list[Said]) -> list[tuple[tuple[int, int], float, float]]:
    """Each piece, by the numbers of its utterance and of itself, and from when to when it is heard: the last one of an
    utterance with the silence after it."""
    found, time = list[tuple[tuple[int, int], float, float]](), 0.0
    for number, each in enumerate(said):
        for index, piece in enumerate(each.pieces):
            start, time = time, time + piece.samples / SOURCE_RATE
            if index == len(each.pieces) - 1:
                time += each.pause
            found.append(((number, index), start, time))
    return found


def text_of(piece: tuple[int, int], said: list[Said], *, normalized: bool) -> str:
    number, index = piece
    replaced = said[number].replaced
    before = (replaced.spoken if normalized else replaced.original) if replaced and index == 0 else ""
    return before + said[number].pieces[index].text


THREE_PIECES = [Said(tuple(piece_at(5, 29 * "我" + "。", 11_000) for _ in range(3)))]


@pytest.mark.parametrize("output", ALL_FORMATS, ids=by_name)
@pytest.mark.parametrize("hurries", [True, False])
async def test_pieces_of_slow_speech_begin_with_their_audio(output: OutputFormat, hurries: bool) -> None:
    """Chinese: three pieces of six seconds. In a codec's stream they are heard behind the decoder's silence."""
    found = spans(await delivered(THREE_PIECES, output, hurries=hurries))
    delay = 1000 * priming(output) / output.sample_rate
    assert [found[index].start for index in (0, 30, 60)] == pytest.approx([0, 6000 + delay, 12_000 + delay], abs=1)


@pytest.mark.parametrize("output", ALL_FORMATS, ids=by_name)
@pytest.mark.parametrize("hurries", [True, False])
@pytest.mark.parametrize("pause", [0.0, 0.4])
async def test_the_last_character_ends_with_the_audio_that_is_decoded(
    output: OutputFormat, hurries: bool, pause: float
) -> None:
    said = [Said((piece_at(9, "Hello, world.", 11_000), piece_at(20, " $1", 3000)), pause=pause) for _ in range(3)]
    packets = await delivered(said, output, hurries=hurries)
    heard = decoded(b"".join(packet.payload for packet in packets), output)
    ended = spans(packets)[-1].end
    # Half a millisecond is the rounding.
    assert -0.5 <= 1000 * len(heard) / output.sample_rate - ended <= FRAME_MS.get(output.media_type, 0.5)


async def test_a_pause_before_the_first_text_belongs_to_no_character() -> None:
    spoken = Said((piece_at(10, "Hello.", 4000),))
    packets: list[Packet] = []

    async def take(packet: Packet) -> None:
        packets.append(packet)

    playback = Playback(FORMATS["pcm_16000"], Outlet(waiting(take), None), max_packet_ms=60)
    playback.begin(Utterance(0, 0, "", Parameters(), 0.5), Rewriting.unchanged(""))
    await playback.send(playback.finish())
    playback.begin(Utterance(0, 1, "Hello.", Parameters()), spoken.text, SOURCE_RATE)
    for chunk in spoken.chunks():
        await playback.send(playback.push(chunk))
    found = spans(packets)
    assert (found[0].start, found[-1].end) == (500, 1100)


async def test_many_utterances_do_not_drift() -> None:
    """Utterances whose lengths are no whole milliseconds: no rounding adds up."""
    samples: Samples = np.zeros(2410, dtype=np.float32)  # 100.4 ms
    said = [Said((Piece("a", (len(samples),)),))] * 300
    found = spans(await delivered(said, FORMATS["pcm_24000"], hurries=True))
    assert [span.start for span in found] == pytest.approx([number * 2410 / 24 for number in range(300)], abs=0.6)
    assert found[-1].end == 300 * 2410 / 24
