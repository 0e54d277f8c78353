from itertools import pairwise

from streaming.http.timeline import Timeline
from streaming.protocol.messages import Alignment
from streaming.speech.delivery import Packet


def packet(start: float, seconds: float, *spans: tuple[str, int, int]) -> Packet:
    chars, starts, lengths = zip(*spans, strict=True) if spans else ((), (), ())
    alignment = Alignment(chars, starts, lengths) if spans else None
    return Packet(b"x", seconds, start, alignment, alignment)


def test_times_count_from_the_beginning_of_the_response() -> None:
    timeline = Timeline()
    timeline.place(packet(0.0, 0.5, ("a", 0, 500)))
    timed, _ = timeline.place(packet(0.5, 0.25, ("b", 0, 200), ("c", 200, 50)))
    assert timed is not None
    assert (timed.characters, timed.starts, timed.ends) == (("b", "c"), [0.5, 0.7], [0.7, 0.75])


def test_the_next_utterance_begins_where_the_one_before_it_ended() -> None:
    timeline = Timeline()
    timeline.place(packet(0.0, 0.5, ("a", 0, 500)))
    timeline.place(packet(0.5, 0.1))
    timed, _ = timeline.place(packet(0.0, 0.3, ("b", 0, 300)))
    assert timed is not None
    assert (timed.starts, timed.ends) == ([0.6], [0.9])


def test_a_packet_without_characters_has_no_times() -> None:
    assert Timeline().place(packet(0.0, 0.5)) == (None, None)


def test_neighbours_touch_although_packets_begin_between_milliseconds() -> None:
    """Times in a packet are relative to its own rounded start: added to an unrounded one, they would drift apart."""
    timeline = Timeline()
    step = 1323 / 22_050  # 60 ms packets of a length that no whole number of milliseconds has
    timeds = []
    for index in range(50):
        start = index * (step + 0.0003)
        origin, following = round(start * 1000), round((index + 1) * (step + 0.0003) * 1000)
        timed, _ = timeline.place(packet(start, step + 0.0003, ("a", 0, following - origin)))
        timeds.append(timed)
    assert all(before and after and before.ends[-1] == after.starts[0] for before, after in pairwise(timeds))
