"""Literal times: packets of 60 ms, a lead of 20 ms unless said otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.pacing import Pacer


def send(pacer: Pacer, *, now: float, seconds: float = 0.06) -> float:
    """When the packet that is ready at `now` goes out."""
    due = pacer.next_send_time(now=now)
    pacer.sent(seconds)
    return due


def send_times(pacer: Pacer, count: int, *, now: float) -> list[float]:
    """When each of `count` packets goes out that are all ready at `now`."""
    times: list[float] = []
    for _ in range(count):
        now = send(pacer, now=now)
        times.append(now)
    return times


def test_the_first_packet_goes_at_once() -> None:
    assert Pacer(0.02).next_send_time(now=7.0) == 7.0


def test_the_next_ones_keep_the_lead() -> None:
    # Measured before a packet, what was sent may be 20 ms ahead of what has been heard.
    assert send_times(Pacer(0.02), 4, now=7.0) == pytest.approx([7.0, 7.04, 7.10, 7.16])


def test_without_a_lead_packets_follow_real_time() -> None:
    assert send_times(Pacer(0.0), 4, now=0.0) == pytest.approx([0.0, 0.06, 0.12, 0.18])


def test_a_long_lead_is_filled_at_once() -> None:
    assert send_times(Pacer(0.2), 6, now=0.0) == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.04, 0.10])


def test_asking_is_free() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    assert [pacer.next_send_time(now=0.01) for _ in range(3)] == pytest.approx([0.04, 0.04, 0.04])


def test_a_packet_that_is_late_goes_at_once() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    assert send(pacer, now=0.05) == 0.05


def test_a_late_packet_within_the_lead_does_not_move_the_clock() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    send(pacer, now=0.05)
    assert pacer.next_send_time(now=0.05) == pytest.approx(0.10)


def test_the_clock_starts_with_the_first_packet_not_with_the_connection() -> None:
    pacer = Pacer(0.02)
    assert send_times(pacer, 3, now=100.0) == pytest.approx([100.0, 100.04, 100.10])


def test_after_a_pause_of_the_source_there_is_no_burst() -> None:
    pacer = Pacer(0.02)
    send_times(pacer, 3, now=0.0)
    pacer.resume(now=5.0)
    assert send_times(pacer, 3, now=5.0) == pytest.approx([5.0, 5.04, 5.10])


def test_the_clock_is_set_anew_where_the_source_paused_until_everything_had_been_heard() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    pacer.resume(now=0.061)
    assert send_times(pacer, 2, now=0.061) == pytest.approx([0.061, 0.101])


def test_a_short_pause_of_the_source_does_not_move_the_clock() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    pacer.resume(now=0.059)
    assert send_times(pacer, 2, now=0.059) == pytest.approx([0.059, 0.10])


def test_a_stream_that_its_server_made_late_catches_up() -> None:
    pacer = Pacer(0.02)
    send(pacer, now=0.0)
    # The packets of 0.04, 0.10, 0.16 s were there, but nobody came to send them.
    assert send_times(pacer, 5, now=0.2) == pytest.approx([0.2, 0.2, 0.2, 0.22, 0.28])


def test_a_new_turn_sets_the_clock_anew() -> None:
    pacer = Pacer(0.02)
    send_times(pacer, 2, now=0.0)
    pacer.start_turn()
    assert send_times(pacer, 2, now=0.05) == pytest.approx([0.05, 0.09])


@given(st.floats(0, 5), st.lists(st.tuples(st.floats(0, 0.5), st.booleans(), st.floats(0.001, 0.06)), max_size=50))
def test_nothing_goes_before_it_is_ready_or_further_ahead_than_the_lead(
    lead: float, packets: list[tuple[float, bool, float]]
) -> None:
    pacer, now, heard_from, audio = Pacer(lead), 0.0, 0.0, 0.0
    for pause, is_of_the_source, seconds in packets:
        ready = now + pause
        if is_of_the_source:
            pacer.resume(now=ready)
            if audio < ready - heard_from:
                heard_from, audio = ready, 0.0
        if not audio:
            heard_from = ready
        now = send(pacer, now=ready, seconds=seconds)
        assert now >= ready
        assert audio - (now - heard_from) <= lead + 0.002
        audio += seconds


@given(st.floats(0, 1), st.lists(st.tuples(st.floats(0, 0.5), st.floats(0.001, 0.06)), min_size=1, max_size=50))
def test_whatever_made_a_stream_late_its_audio_is_sent_when_it_is_due_or_at_once(
    lead: float, packets: list[tuple[float, float]]
) -> None:
    pacer, now, audio = Pacer(lead), 0.0, 0.0
    first = packets[0][0]
    for delay, seconds in packets:
        come = now + delay
        now = send(pacer, now=come, seconds=seconds)
        assert now == pytest.approx(max(come, first + audio - lead))
        audio += seconds
