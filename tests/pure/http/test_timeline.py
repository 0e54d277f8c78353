from itertools import pairwise

from streaming.http.timeline import Timeline
from streaming.protocol.packet import Alignment, Packet


def packet(start: float, seconds: float, *spans: tuple[str, int, int]) -> Packet:
    chars, starts, lengths = zip(*spans, strict=True) if spans else ((), (), ())
    alignment = Alignment(chars, starts, lengths) if spans else None
    return Packet(b"x", seconds, start, alignment, alignment)


def times(placed: Packet) -> list[tuple[str, int, int]]:
    """Character, beginning and end in milliseconds."""
    assert placed.alignment is not None
    assert placed.alignment == placed.normalized_alignment
    spans = zip(placed.alignment.chars, placed.alignment.starts_ms, placed.alignment.durations_ms, strict=True)
    return [(char, start, start + length) for char, start, length in spans]


def test_times_count_from_the_beginning_of_the_response() -> None:
    timeline = Timeline()
    timeline.place(packet(0.0, 0.5, ("a", 0, 500)))
    placed = timeline.place(packet(0.5, 0.25, ("b", 0, 200), ("c", 200, 50)))
    assert times(placed) == [("b", 500, 700), ("c", 700, 750)]


def test_the_next_utterance_begins_where_the_one_before_it_ended() -> None:
    timeline = Timeline()
    timeline.place(packet(0.0, 0.5, ("a", 0, 500)))
    timeline.place(packet(0.5, 0.1))
    assert times(timeline.place(packet(0.0, 0.3, ("b", 0, 300)))) == [("b", 600, 900)]


def test_a_packet_without_characters_has_no_times() -> None:
    without = packet(0.0, 0.5)
    assert Timeline().place(without) == without


def test_neighbours_touch_although_packets_begin_between_milliseconds() -> None:
    """Times in a packet are relative to its own rounded start: added to an unrounded one, they would drift apart."""
    timeline = Timeline()
    step = 1323 / 22_050  # 60 ms packets of a length that no whole number of milliseconds has
    spans = []
    for index in range(50):
        start = index * (step + 0.0003)
        origin, following = round(start * 1000), round((index + 1) * (step + 0.0003) * 1000)
        spans += times(timeline.place(packet(start, step + 0.0003, ("a", 0, following - origin))))
    assert all(end == begin for (_, _, end), (_, begin, _) in pairwise(spans))
