"""A packet's times, on other clocks."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.packet import Alignment, Packet

ALIGNMENT = Alignment(["a", "b"], [10, 30], [20, 5])
NORMALIZED = Alignment(["c"], [15], [7])
PACKET = Packet(b"sound", 0.06, 0.12, ALIGNMENT, NORMALIZED)


def test_shifting_moves_each_alignment_by_its_own_offset_and_nothing_else() -> None:
    shifted = Packet(b"sound", 0.06, 0.12, Alignment(["a", "b"], [110, 130], [20, 5]), Alignment(["c"], [10], [7]))
    assert PACKET.shifted(100, -5) == shifted


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_shifting_back_is_the_same_packet(offset: int, normalized: int) -> None:
    assert PACKET.shifted(offset, normalized).shifted(-offset, -normalized) == PACKET


def test_times_can_be_counted_from_the_beginning_of_the_stream() -> None:
    assert PACKET.since_beginning() == PACKET.shifted(120, 120)


@given(st.integers(0, 10_000), st.integers(1, 5000))
def test_characters_of_one_packet_end_where_those_of_the_next_begin(start: int, length: int) -> None:
    """Although packets begin between milliseconds: each time is rounded on the clock of the stream."""
    rate = 22_050
    edges = [start / rate, (start + length) / rate, (start + 2 * length) / rate]
    first, second = (
        Packet(b"", length / rate, begin, Alignment(["a"], [0], [round(end * 1000) - round(begin * 1000)]))
        for begin, end in ((edges[0], edges[1]), (edges[1], edges[2]))
    )
    ended, begun = first.since_beginning().alignment, second.since_beginning().alignment
    assert ended is not None
    assert begun is not None
    assert ended.end_ms == begun.starts_ms[0]


def test_a_packet_without_characters_stays_as_it_is() -> None:
    silence = Packet(b"sound", 0.06, 0.5)
    assert silence.shifted(5, 5) == silence.since_beginning() == silence.without_alignment() == silence


def test_the_alignment_can_be_left_out() -> None:
    assert PACKET.without_alignment() == Packet(b"sound", 0.06, 0.12)
