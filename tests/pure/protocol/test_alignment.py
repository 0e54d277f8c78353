"""Characters and times: each character once, in spans that follow each other, are as long as the audio, and stay in their
piece."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.protocol.alignment import Aligner
from streaming.protocol.packet import Alignment, milliseconds
from streaming.protocol.speaking_rate import SpeakingRate, Tempo
from streaming.text.rewriting import Rewriting, Segment


@dataclass(frozen=True)
class Chunk:
    """One chunk of an engine: how much audio, what it tells of the text, in how many packets it leaves."""

    ms: int
    packets: int = 1
    text_end: int | None = None
    piece_end: int | None = None


@dataclass(frozen=True)
class Span:
    """A character with its times in milliseconds of the stream. `known_ms`: how much audio there was when it was sent."""

    char: str
    start: int
    end: int
    known_ms: int


@dataclass(frozen=True)
class Piece:
    """What an engine speaks at once: so many characters, in chunks of these lengths. `is_told`: the last chunk says that the
    piece is over; otherwise the next piece shows it."""

    length: int
    chunks: tuple[int, ...]
    is_told: bool = True

    @property
    def ms(self) -> int:
        return sum(self.chunks)


def packets(
    text: str | Rewriting, chunks: list[Chunk], tempo: Tempo | None = None
) -> list[tuple[Alignment | None, Alignment | None]]:
    """What each packet carries when every chunk leaves at once, in packets of equal length."""
    whole = Rewriting.unchanged(text) if isinstance(text, str) else text
    aligner, found, time = Aligner(whole, tempo or Tempo()), list[tuple[Alignment | None, Alignment | None]](), 0
    for number, chunk in enumerate(chunks, 1):
        is_last = number == len(chunks)
        edges = edges_of(time, chunk)
        time += chunk.ms
        if is_last:
            aligner.finish(edges[-1], piece_end=chunk.piece_end, last_packet_start=edges[-2], end=edges[-1])
        else:
            aligner.extend(edges[-1], chunk.text_end, chunk.piece_end)
        for part, (start, end) in enumerate(pairwise(edges), 1):
            found.append(aligner.take(start, end, last=is_last and part == chunk.packets))
    return found


def edges_of(start_ms: int, chunk: Chunk) -> list[float]:
    """Where the chunk's packets begin and end, in seconds."""
    return [(start_ms + chunk.ms * part / chunk.packets) / 1000 for part in range(chunk.packets + 1)]


def aligned(text: str, chunks: list[Chunk], tempo: Tempo | None = None) -> list[Alignment | None]:
    """The alignment of each packet, for a text that is spoken as it is written."""
    pairs = packets(text, chunks, tempo)
    assert all(original == spoken for original, spoken in pairs)
    return [original for original, _ in pairs]


def spans(text: str, chunks: list[Chunk], tempo: Tempo | None = None) -> list[Span]:
    found, received, index = list[Span](), 0, 0
    alignments = aligned(text, chunks, tempo)
    for chunk in chunks:
        for start in edges_of(received, chunk)[:-1]:
            found += spans_of(alignments[index], milliseconds(start), received + chunk.ms)
            index += 1
        received += chunk.ms
    return found


def spans_of(alignment: Alignment | None, origin: int, known_ms: int) -> Iterator[Span]:
    for char, start, length in zip(*columns(alignment), strict=True):
        yield Span(char, origin + start, origin + start + length, known_ms)


def columns(alignment: Alignment | None) -> tuple[list[str], list[int], list[int]]:
    if alignment is None:
        return [], [], []
    return list(alignment.chars), list(alignment.starts_ms), list(alignment.durations_ms)


def chars(alignments: list[Alignment | None]) -> str:
    return "".join(char for alignment in alignments if alignment for char in alignment.chars)


def chunks_of(pieces: list[Piece], packets: int = 1) -> list[Chunk]:
    """What an engine sends that knows its pieces."""
    found, end = list[Chunk](), 0
    for piece in pieces:
        end += piece.length
        found += [Chunk(ms, packets, None, end) for ms in piece.chunks[:-1]]
        found.append(Chunk(piece.chunks[-1], packets, end if piece.is_told else None, end))
    return found


LETTERS = "abcdefghij klmnopqrst, 你好。12$"


def text_of(pieces: list[Piece]) -> str:
    length = sum(piece.length for piece in pieces)
    return (LETTERS * (length // len(LETTERS) + 1))[:length]


# Spoken as it is written

TEXTS = st.text("abc ,.é你。", min_size=1, max_size=60)
BLIND = st.builds(Chunk, st.integers(1, 3000), st.integers(1, 8))
KNOWING = st.builds(Chunk, st.integers(1, 3000), st.integers(1, 8), st.integers(0, 60), st.none() | st.integers(0, 70))
CHUNKS = st.lists(BLIND, min_size=1, max_size=6) | st.lists(KNOWING, min_size=1, max_size=6)


def test_one_chunk_in_one_packet() -> None:
    assert aligned("abcd", [Chunk(400)]) == [Alignment(list("abcd"), [0, 100, 200, 300], [100] * 4)]


def test_times_count_from_the_start_of_the_packet() -> None:
    first, second = aligned("abcd", [Chunk(400, 2)])
    assert first == Alignment(["a", "b"], [0, 100], [100, 100])
    assert second == Alignment(["c", "d"], [0, 100], [100, 100])


def test_a_character_comes_with_the_packet_in_which_it_begins() -> None:
    first, second, third = aligned("ab", [Chunk(300, 3)])
    assert first == Alignment(["a"], [0], [200])
    assert second is None
    assert third == Alignment(["b"], [0], [100])


def test_a_pause_takes_longer_than_a_letter() -> None:
    (packet,) = aligned("a.b", [Chunk(450)])
    assert packet == Alignment(["a", ".", "b"], [0, 100, 350], [100, 250, 100])


def test_what_the_engine_says_places_the_characters() -> None:
    first, second = aligned("abcd", [Chunk(900, text_end=3), Chunk(100, text_end=4)])
    assert first == Alignment(["a", "b", "c"], [0, 300, 600], [300] * 3)
    assert second == Alignment(["d"], [0], [100])


def test_without_that_word_the_speed_is_estimated() -> None:
    first, _ = aligned(50 * "a", [Chunk(1000), Chunk(1000)])
    assert first is not None
    assert chars([first]) == 14 * "a"


def test_a_short_text_keeps_its_last_character_for_the_end() -> None:
    packets = aligned("abc", [Chunk(1000) for _ in range(5)])
    assert chars(packets[:-1]) == "ab"
    assert packets[-1] is not None
    assert packets[-1].chars == ["c"]


@pytest.mark.parametrize("claimed", [99, 4])
def test_an_engine_that_claims_everything_too_early_leaves_the_last_character(claimed: int) -> None:
    packets = aligned("abcd", [Chunk(500, text_end=claimed), Chunk(500, text_end=4)])
    assert chars(packets[1:]) == "d"


@pytest.mark.parametrize("claimed", [1, 0, -5])
def test_an_engine_that_goes_back_repeats_nothing(claimed: int) -> None:
    assert chars(aligned("abcd", [Chunk(100, text_end=2), Chunk(100, text_end=claimed), Chunk(200)])) == "abcd"


def test_the_only_character_comes_in_the_last_packet() -> None:
    assert [bool(packet) for packet in aligned("a", [Chunk(300, 3)])] == [False, False, True]


def test_the_last_character_comes_in_the_last_packet_of_its_chunk() -> None:
    packets = aligned("ab", [Chunk(100, text_end=1), Chunk(300, 3, text_end=2)])
    assert [chars([packet]) for packet in packets] == ["a", "", "", "b"]


def test_no_text_has_no_alignment() -> None:
    assert aligned("", [Chunk(100, 2), Chunk(100)]) == [None, None, None]


@given(TEXTS, CHUNKS)
def test_every_character_comes_once_and_in_order(text: str, chunks: list[Chunk]) -> None:
    assert chars(aligned(text, chunks)) == text


@given(TEXTS, CHUNKS)
def test_spans_follow_each_other_from_the_beginning_of_the_audio_to_its_end(text: str, chunks: list[Chunk]) -> None:
    found = spans(text, chunks)
    assert [span.end for span in found[:-1]] == [span.start for span in found[1:]]
    assert (found[0].start, found[-1].end) == (0, sum(chunk.ms for chunk in chunks))


@given(TEXTS, CHUNKS)
def test_no_character_ends_behind_the_audio_that_there_was_when_it_was_sent(text: str, chunks: list[Chunk]) -> None:
    assert [span for span in spans(text, chunks) if not 0 <= span.start <= span.end <= span.known_ms] == []


@given(TEXTS, CHUNKS)
def test_the_last_character_comes_in_the_last_packet(text: str, chunks: list[Chunk]) -> None:
    packets = aligned(text, chunks)
    assert packets[-1] is not None
    assert packets[-1].chars[-1] == text[-1]


@given(TEXTS, CHUNKS)
def test_lists_are_equally_long_and_have_whole_milliseconds(text: str, chunks: list[Chunk]) -> None:
    for packet in filter(None, aligned(text, chunks)):
        assert len(packet.chars) == len(packet.starts_ms) == len(packet.durations_ms) > 0
        assert {type(time) for time in (*packet.starts_ms, *packet.durations_ms)} == {int}


# Pieces


def spoken_at(rate: float, length: int, chunk_ms: int, *, is_told: bool = True) -> Piece:
    """A piece of so many characters, spoken at this rate (characters per second) in chunks of about this length."""
    ms = max(1, round(1000 * length / rate))
    number = -(-ms // chunk_ms)
    edges = [ms * part // number for part in range(number + 1)]
    return Piece(length, tuple(end - start for start, end in pairwise(edges)), is_told)


PIECES = st.lists(
    st.builds(spoken_at, st.floats(1, 40), st.integers(1, 40), st.integers(20, 2000), is_told=st.booleans()),
    min_size=1,
    max_size=5,
)
TEMPOS = st.builds(lambda seconds, speed: learned(1 / seconds, speed), st.floats(1, 40), st.floats(0.25, 4))


def learned(seconds: float, speed: float = 1.0) -> Tempo:
    """A voice that has been heard to take so long for a letter."""
    rate = SpeakingRate()
    rate.learn(10_000, 10_000 * seconds)
    return Tempo(rate, speed)


@given(PIECES, st.integers(1, 4), TEMPOS)
def test_every_character_is_heard_within_the_audio_of_its_piece(
    pieces: list[Piece], packets: int, tempo: Tempo
) -> None:
    found = spans(text_of(pieces), chunks_of(pieces, packets), tempo)
    ends = [0, *accumulate(piece.length for piece in pieces)]
    edges = [0, *accumulate(piece.ms for piece in pieces)]
    of_pieces = [found[start:end] for start, end in pairwise(ends)]
    assert [(spans[0].start, spans[-1].end) for spans in of_pieces] == list(pairwise(edges))
    assert [span.start <= span.end for span in found] == [True] * len(found)


@given(PIECES, TEMPOS)
def test_a_piece_that_is_not_over_keeps_a_character(pieces: list[Piece], tempo: Tempo) -> None:
    chunks, ends = chunks_of(pieces), list(accumulate(piece.length for piece in pieces))
    sent = list(accumulate(len(packet.chars) if packet else 0 for packet in aligned(text_of(pieces), chunks, tempo)))
    for so_far, chunk in zip(sent, chunks, strict=True):
        begun = sum(chunk.piece_end is not None and end < chunk.piece_end for end in ends)
        is_over = chunk is chunks[-1] or chunk.text_end is not None
        assert so_far <= (ends[begun] if is_over else ends[begun] - 1)


def test_slow_speech_does_not_run_ahead_into_the_next_piece() -> None:
    """Chinese at five characters a second."""
    pieces = [spoken_at(5, 30, 460)] * 3
    found = spans("我" * 90, chunks_of(pieces))
    assert [found[index].start for index in (0, 30, 60)] == [0, 6000, 12_000]
    assert found[-1].end == 18_000


def test_fast_speech_does_not_lag_behind_its_piece() -> None:
    pieces = [spoken_at(40, 40, 460)] * 3
    found = spans("a" * 120, chunks_of(pieces))
    assert [found[index].start for index in (0, 40, 80)] == [0, 1000, 2000]
    assert found[-1].end == 3000


def test_a_sign_that_is_said_as_words_ends_with_its_audio() -> None:
    """`$1` in five seconds: both characters within them, and the second one sent when its end is known."""
    found = spans("$1", chunks_of([Piece(2, (190, 230, 460, 460, 3850))]))
    assert (found[0].char, found[0].start) == ("$", 0)
    assert (found[1].char, found[1].end) == ("1", 5190)


def test_the_rate_of_a_voice_is_learned_from_its_first_piece() -> None:
    """Five letters a second: characters of later pieces are heard when an even speaker says them."""
    pieces = [spoken_at(5, 40, 200)] * 6
    found = spans("a" * 240, chunks_of(pieces))
    errors = [abs(span.start - 200 * index) for index, span in enumerate(found)]
    assert max(errors[:40]) > 2000
    assert max(errors[200:]) < 800


def test_the_rate_goes_on_to_the_next_utterance() -> None:
    tempo, chunks = Tempo(), chunks_of([spoken_at(5, 40, 200)])
    first, second = (spans("a" * 40, chunks, tempo) for _ in range(2))
    assert max(abs(span.start - 200 * index) for index, span in enumerate(first)) > 2000
    assert max(abs(span.start - 200 * index) for index, span in enumerate(second)) < 1000


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_rate_is_learned_for_every_speed(speed: float) -> None:
    usual, fast = chunks_of([spoken_at(10, 40, 200)] * 3), chunks_of([spoken_at(10 * speed, 40, 200)])
    rate = SpeakingRate()
    spans("a" * 120, usual, Tempo(rate))
    found = spans("a" * 40, fast, Tempo(rate, speed))
    assert max(abs(span.start - 100 / speed * index) for index, span in enumerate(found)) < 800 / speed


def test_who_can_wait_is_told_what_is_known() -> None:
    """Nothing is estimated: each piece is divided when it is over."""
    tempo = Tempo(is_patient=True)
    pieces = [spoken_at(5, 40, 200), spoken_at(20, 40, 200)]
    found = spans("a" * 80, chunks_of(pieces), tempo)
    assert [span.start for span in found[:79]] == [*range(0, 8000, 200), *range(8000, 9950, 50)]
    assert tempo.rate.seconds == pytest.approx(0.125, abs=0.01)


def test_a_piece_that_takes_longer_than_expected_becomes_slower_and_slower() -> None:
    found = spans("a" * 30, chunks_of([spoken_at(3, 30, 100)]))
    lengths = [span.end - span.start for span in found]
    assert max(lengths[:10]) <= 100
    assert min(lengths[-6:-1]) >= 500
    assert max(lengths) < 4000


# What the client wrote, where the engine was given something else

REWRITINGS = st.lists(
    st.builds(Segment, st.text("abc ", max_size=6), st.text("xyz.", max_size=9)), min_size=1, max_size=5
).map(lambda segments: Rewriting(tuple(segments)))


def rewritten_spans(text: Rewriting, chunks: list[Chunk], side: int) -> list[Span]:
    found, received = list[Span](), 0
    for chunk, pair in zip(chunks, packets(text, chunks), strict=True):
        found += spans_of(pair[side], received, received + chunk.ms)
        received += chunk.ms
    return found


@given(REWRITINGS, CHUNKS)
@example(Rewriting((Segment("a", ""), Segment("b", "xyz"))), [Chunk(100), Chunk(100)])
def test_both_texts_come_whole_and_as_long_as_the_audio(text: Rewriting, chunks: list[Chunk]) -> None:
    chunks = [replace(chunk, packets=1) for chunk in chunks]
    for side, wanted in enumerate((text.original, text.spoken)):
        found = rewritten_spans(text, chunks, side)
        assert "".join(span.char for span in found) == wanted
        assert [span.end for span in found[:-1]] == [span.start for span in found[1:]]
        assert [span for span in found if not 0 <= span.start <= span.end <= span.known_ms] == []
        edges = [(found[0].start, found[-1].end)] if wanted else []
        assert edges == ([(0, sum(chunk.ms for chunk in chunks))] if wanted else [])


@given(st.text("abc ", min_size=1, max_size=9), st.text("xyz.", min_size=1, max_size=9), PIECES)
def test_what_follows_a_replacement_is_heard_in_both_texts_at_once(
    original: str, spoken: str, told: list[Piece]
) -> None:
    kept = text_of(told)
    text = Rewriting((Segment(original, spoken), Segment(kept, kept)))
    chunks = chunks_of([Piece(len(spoken), (300, 400)), *told])
    both = [rewritten_spans(text, chunks, side)[-len(kept) :] for side in (0, 1)]
    assert [(span.char, span.start) for span in both[0]] == [(span.char, span.start) for span in both[1]]
    assert both[0][0].start == 700
