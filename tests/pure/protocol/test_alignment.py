"""Characters and times: each character once, spans that follow each other and are as long as the audio."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.alignment import Aligner
from streaming.protocol.packet import Alignment

TEXTS = st.text("abc ,.é你。", min_size=1, max_size=60)


@dataclass
class Chunk:
    """One chunk of an engine: how much audio, how much text (None: the engine does not know), in how many packets."""

    ms: int
    chars: int | None
    packets: int


CHUNKS = st.builds(Chunk, st.integers(1, 3000), st.none(), st.integers(1, 8))
CHUNKS_WITH_TEXT = st.builds(Chunk, st.integers(1, 3000), st.integers(0, 30), st.integers(1, 8))


def aligned(text: str, chunks: list[Chunk]) -> list[Alignment | None]:
    """What each packet carries when every chunk leaves at once, in packets of equal length."""
    aligner, found = Aligner(text), list[Alignment | None]()
    time = position = 0
    for chunk in chunks:
        is_last = chunk is chunks[-1]
        start, time = time, time + chunk.ms
        edges = [(start + chunk.ms * part / chunk.packets) / 1000 for part in range(chunk.packets + 1)]
        position += chunk.chars or 0
        if is_last:
            aligner.finish(time / 1000, last_packet_start=edges[-2])
        else:
            aligner.extend(time / 1000, None if chunk.chars is None else position)
        for part in range(chunk.packets):
            found.append(aligner.take(edges[part], edges[part + 1], last=is_last and part == chunk.packets - 1))
    return found


def chars(packets: list[Alignment | None]) -> str:
    return "".join(char for packet in packets if packet for char in packet.chars)


def total_ms(packets: list[Alignment | None]) -> int:
    return sum(sum(packet.durations_ms) for packet in packets if packet)


def test_one_chunk_in_one_packet() -> None:
    assert aligned("abcd", [Chunk(400, None, 1)]) == [Alignment(list("abcd"), [0, 100, 200, 300], [100] * 4)]


def test_times_count_from_the_start_of_the_packet() -> None:
    first, second = aligned("abcd", [Chunk(400, None, 2)])
    assert first == Alignment(["a", "b"], [0, 100], [100, 100])
    assert second == Alignment(["c", "d"], [0, 100], [100, 100])


def test_a_character_belongs_to_the_packet_in_which_it_begins() -> None:
    first, second, third = aligned("ab", [Chunk(300, None, 3)])
    assert first == Alignment(["a"], [0], [200])
    assert second is None
    assert third == Alignment(["b"], [0], [100])


def test_a_pause_takes_longer_than_a_letter() -> None:
    (packet,) = aligned("a.b", [Chunk(450, None, 1)])
    assert packet == Alignment(["a", ".", "b"], [0, 100, 350], [100, 250, 100])


def test_what_the_engine_says_places_the_characters() -> None:
    first, second = aligned("abcd", [Chunk(900, 3, 1), Chunk(100, 1, 1)])
    assert first == Alignment(["a", "b", "c"], [0, 300, 600], [300] * 3)
    assert second == Alignment(["d"], [0], [100])


def test_without_that_word_the_speed_is_estimated() -> None:
    first, _ = aligned(50 * "a", [Chunk(1000, None, 1), Chunk(1000, None, 1)])
    assert first is not None
    assert chars([first]) == 14 * "a"


def test_a_short_text_keeps_its_last_character_for_the_end() -> None:
    packets = aligned("abc", [Chunk(1000, None, 1) for _ in range(5)])
    assert chars(packets[:-1]) == "ab"
    assert packets[-1] is not None
    assert packets[-1].chars == ["c"]


@pytest.mark.parametrize("claimed", [99, 4])
def test_an_engine_that_claims_everything_too_early_leaves_the_last_character(claimed: int) -> None:
    packets = aligned("abcd", [Chunk(500, claimed, 1), Chunk(500, 0, 1)])
    assert chars(packets[1:]) == "d"


def test_an_engine_that_goes_back_repeats_nothing() -> None:
    aligner = Aligner("abcd")
    aligner.extend(0.1, 2)
    aligner.extend(0.2, 1)
    aligner.finish(0.4, last_packet_start=0.2)
    assert chars([aligner.take(0.0, 0.4, last=True)]) == "abcd"


def test_the_only_character_comes_in_the_last_packet() -> None:
    assert [bool(packet) for packet in aligned("a", [Chunk(300, None, 3)])] == [False, False, True]


def test_the_last_character_comes_in_the_last_packet_of_its_chunk() -> None:
    packets = aligned("ab", [Chunk(100, 1, 1), Chunk(300, 1, 3)])
    assert [chars([packet]) for packet in packets] == ["a", "", "", "b"]


def test_no_text_has_no_alignment() -> None:
    assert aligned("", [Chunk(100, None, 2), Chunk(100, None, 1)]) == [None, None, None]


@given(TEXTS, st.lists(CHUNKS, min_size=1, max_size=6) | st.lists(CHUNKS_WITH_TEXT, min_size=1, max_size=6))
def test_every_character_comes_once_and_in_order(text: str, chunks: list[Chunk]) -> None:
    assert chars(aligned(text, chunks)) == text


@given(TEXTS, st.lists(CHUNKS, min_size=1, max_size=6) | st.lists(CHUNKS_WITH_TEXT, min_size=1, max_size=6))
def test_spans_add_up_to_the_audio(text: str, chunks: list[Chunk]) -> None:
    assert total_ms(aligned(text, chunks)) == sum(chunk.ms for chunk in chunks)


@given(TEXTS, st.lists(CHUNKS, min_size=1, max_size=6) | st.lists(CHUNKS_WITH_TEXT, min_size=1, max_size=6))
def test_the_last_character_comes_in_the_last_packet(text: str, chunks: list[Chunk]) -> None:
    packets = aligned(text, chunks)
    assert packets[-1] is not None
    assert packets[-1].chars[-1] == text[-1]


@given(TEXTS, st.lists(CHUNKS, min_size=1, max_size=6) | st.lists(CHUNKS_WITH_TEXT, min_size=1, max_size=6))
def test_lists_are_equally_long_and_times_never_negative_or_backward(text: str, chunks: list[Chunk]) -> None:
    for packet in filter(None, aligned(text, chunks)):
        assert len(packet.chars) == len(packet.starts_ms) == len(packet.durations_ms) > 0
        assert min(packet.starts_ms) >= 0
        assert min(packet.durations_ms) >= 0
        assert list(packet.starts_ms) == sorted(packet.starts_ms)


@given(TEXTS, st.lists(CHUNKS, min_size=1, max_size=6))
def test_times_are_whole_milliseconds(text: str, chunks: list[Chunk]) -> None:
    for packet in filter(None, aligned(text, chunks)):
        assert {type(time) for time in (*packet.starts_ms, *packet.durations_ms)} == {int}
