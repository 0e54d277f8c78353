"""Who may speak, by what has been measured, without an engine and without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.dispatch.admission import BETWEEN_SECONDS, COLD_ROWS, SPARE_SECONDS, Admission, Capacity
from streaming.dispatch.pace import FEWEST_SAMPLES

ONE = Capacity(1, 64)


def measured(*paces: tuple[int, float], max_load: float | None = 0.9) -> Admission:
    made = Admission(max_load)
    for rows, pace in paces:
        for _ in range(FEWEST_SAMPLES):
            made.model.add(rows, pace, now=0.0)
    return made


def most(admission: Admission, capacity: Capacity = ONE) -> int:
    """How many come in, one after the other."""
    streams = 0
    while streams < 1000 and admission.admits(streams, capacity, now=0.0):
        streams += 1
    return streams


def test_as_many_as_can_be_spoken_in_real_time() -> None:
    """At three rows a second of sound takes 0.6 s, at four 0.8 s, at five 1 s."""
    assert most(measured((2, 0.4), (3, 0.6))) == 4


def test_rows_that_share_their_steps_are_cheap() -> None:
    assert most(measured((40, 0.5), (20, 0.3)), Capacity(1, 128)) == 80


def test_where_there_are_more_streams_than_slots_they_take_turns() -> None:
    assert most(measured((1, 0.1), (2, 0.2)), Capacity(1, 2)) == 9


def test_several_processes_bear_more() -> None:
    assert most(measured((2, 0.4), (3, 0.6)), Capacity(3, 64)) == 12


def test_what_is_off_refuses_nobody() -> None:
    off = measured((1, 5.0), max_load=None)
    assert most(off) == 1000
    assert off.may_begin(100, now=0.0)


@given(st.floats(0.001, 1000), st.integers(1, 64))
def test_where_nothing_is_spoken_nobody_is_refused(pace: float, rows: int) -> None:
    admission = measured((rows, pace))
    assert admission.admits(0, ONE, now=0.0)
    assert admission.may_begin(0, now=0.0)


def test_one_slow_first_measurement_refuses_nobody() -> None:
    admission = Admission(0.9)
    admission.model.add(1, 50.0, now=0.0)
    assert admission.admits(3, ONE, now=0.0)


def test_before_anything_is_measured_some_begin_and_the_others_wait() -> None:
    admission = Admission(0.9)
    assert most(admission) == 1000
    assert [admission.may_begin(running, now=0.0) for running in (COLD_ROWS - 1, COLD_ROWS)] == [True, False]


def test_what_has_been_measured_lets_them_begin() -> None:
    admission = measured((4, 0.1))
    assert [admission.may_begin(running, now=0.0) for running in (35, 36)] == [True, False]


@pytest.mark.parametrize(("lead", "is_tried"), [(SPARE_SECONDS + 1.5, True), (SPARE_SECONDS - 0.5, False)])
def test_a_second_row_is_tried_if_the_first_has_time(lead: float, is_tried: bool) -> None:
    """Alone it takes 0.6 s: together it may be anything from 0.6 to 1.2 s for each."""
    admission = measured((1, 0.6))
    meter = admission.new_meter()
    meter.begin("a", now=0.0)
    meter.heard("a", lead, now=0.0)
    assert admission.admits(1, ONE, now=0.0) is is_tried
    assert not admission.admits(2, ONE, now=0.0)


def test_what_was_tried_and_was_too_slow_is_remembered() -> None:
    admission = measured((2, 1.2), (1, 0.6))
    meter = admission.new_meter()
    meter.begin("a", now=0.0)
    meter.heard("a", 5.0, now=0.0)
    assert not admission.admits(1, ONE, now=0.0)


def test_who_is_behind_needs_no_company() -> None:
    admission = measured((2, 0.1), (3, 0.1))
    meter = admission.new_meter()
    for name, seconds in (("a", 1.0), ("b", 0.1)):
        meter.begin(name, now=0.0)
        meter.heard(name, seconds, now=0.0)
    assert admission.admits(2, ONE, now=0.5)
    assert not admission.admits(2, ONE, now=0.6)
    meter.end("b", now=0.6)
    assert admission.admits(1, ONE, now=0.6)


def test_a_speech_between_two_utterances_still_counts() -> None:
    admission = measured((2, 0.4), (3, 0.6))
    admission.will_go_on(now=0.0)
    assert not admission.admits(3, ONE, now=BETWEEN_SECONDS / 2)
    admission.goes_on()
    assert admission.admits(3, ONE, now=BETWEEN_SECONDS / 2)


def test_but_not_for_ever() -> None:
    admission = measured((2, 0.4), (3, 0.6))
    admission.will_go_on(now=0.0)
    assert admission.admits(3, ONE, now=BETWEEN_SECONDS + 1)


def test_the_load_is_told() -> None:
    admission = measured((2, 0.4), (3, 0.6))
    assert Admission(0.9).load(1, ONE, now=0.0) is None
    assert admission.load(0, ONE, now=0.0) == 0
    assert admission.load(4, ONE, now=0.0) == pytest.approx(0.8)
    assert admission.load(6, Capacity(1, 3), now=0.0) == pytest.approx(1.2)
