"""A packet's times, on other clocks."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.packet import Alignment, Packet

ALIGNMENT = Alignment(["a", "b"], [10, 30], [20, 5])
NORMALIZED = Alignment(["c"], [15], [7])
PACKET = Packet(b"sound", 0.06, 0.12, ALIGNMENT, NORMALIZED)


def test_shifting_moves_both_alignments_and_nothing_else() -> None:
    shifted = Packet(b"sound", 0.06, 0.12, Alignment(["a", "b"], [110, 130], [20, 5]), Alignment(["c"], [115], [7]))
    assert PACKET.shifted(100) == shifted


@given(st.integers(-1000, 1000))
def test_shifting_back_is_the_same_packet(offset: int) -> None:
    assert PACKET.shifted(offset).shifted(-offset) == PACKET


def test_each_alignment_counts_from_its_own_first_character() -> None:
    counted = PACKET.since_first_character()
    assert counted.alignment == Alignment(["a", "b"], [0, 20], [20, 5])
    assert counted.normalized_alignment == Alignment(["c"], [0], [7])


def test_a_packet_without_characters_stays_as_it_is() -> None:
    silence = Packet(b"sound", 0.06)
    assert silence.shifted(5) == silence.since_first_character() == silence.without_alignment() == silence


def test_the_alignment_can_be_left_out() -> None:
    assert PACKET.without_alignment() == Packet(b"sound", 0.06, 0.12)


@given(st.integers(0, 20_000), st.integers(1, 200))
def test_its_end_is_rounded_as_the_clock_of_the_samples_is(start: int, length: int) -> None:
    """In half milliseconds at 24 kHz, which a float sum may miss by its last digit."""
    packet = Packet(b"", seconds=12 * length / 24_000, start=12 * start / 24_000)
    assert round(packet.end * 1000) == round(12 * (start + length) / 24_000 * 1000)
