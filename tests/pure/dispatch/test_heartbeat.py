"""When a process is taken for dead, without a process and without a clock."""

import pytest

from streaming.dispatch.heartbeat import LOADING_SECONDS, Condition, HeartbeatLimits, Pulse

ALIVE, UNRESPONSIVE, HUNG = Condition.ALIVE, Condition.UNRESPONSIVE, Condition.HUNG


def pulse(*, silence: float = 5.0, step: float = 20.0, is_ready: bool = True) -> Pulse:
    made = Pulse(HeartbeatLimits(silence, step))
    if is_ready:
        made.is_ready()
    return made


def beats(pulse: Pulse, count: int) -> list[Condition]:
    return [pulse.beat() for _ in range(count)]


def test_one_that_says_nothing_is_suspect_and_then_hung() -> None:
    assert beats(pulse(), 6) == [ALIVE] * 3 + [UNRESPONSIVE] * 2 + [HUNG]


@pytest.mark.parametrize("silence", [0.5, 5.0, 60.0])
def test_a_limit_is_some_beats(silence: float) -> None:
    assert pulse(silence=silence).beat_seconds * 5 == silence


def test_whatever_it_says_is_a_sign_of_life() -> None:
    one = pulse()
    for _ in range(10):
        assert beats(one, 3) == [ALIVE] * 3
        one.heard()


def test_one_that_was_suspect_and_answers_is_alive() -> None:
    one = pulse()
    assert beats(one, 5)[-1] is UNRESPONSIVE
    one.heard()
    assert one.beat() is ALIVE


@pytest.mark.parametrize(
    ("seconds", "condition"), [(0.0, ALIVE), (4.9, ALIVE), (5.0, UNRESPONSIVE), (19.9, UNRESPONSIVE), (20.0, HUNG)]
)
def test_a_step_may_last_and_is_suspect_before_it_is_hung(seconds: float, condition: Condition) -> None:
    one = pulse()
    one.heard(step_seconds=seconds)
    assert one.beat() is condition


def test_a_step_that_has_ended_is_forgotten() -> None:
    one = pulse()
    one.heard(step_seconds=10.0)
    assert one.beat() is UNRESPONSIVE
    one.heard()
    assert one.beat() is ALIVE


def test_loading_may_say_nothing_for_longer() -> None:
    one = pulse(is_ready=False)
    beats_of_loading = round(LOADING_SECONDS / one.beat_seconds)
    assert set(beats(one, beats_of_loading)) == {ALIVE}
    assert one.beat() is HUNG


def test_what_is_wrong_is_said() -> None:
    silent, busy = pulse(), pulse()
    beats(silent, 6)
    busy.heard(step_seconds=21.0)
    assert silent.complaint == "no sign of life for 5.0 s"
    assert busy.complaint == "a step has lasted 21.0 s"
