"""How long the answers of an engine take, as it is measured."""

import pytest

from benchmarks.beats import RecordedPulse, recording
from streaming.dispatch.heartbeat import Condition, HeartbeatLimits


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> RecordedPulse:
    monkeypatch.setattr(RecordedPulse, "answers", [])
    monkeypatch.setattr(RecordedPulse, "longest_step", 0.0)
    pulse = RecordedPulse(HeartbeatLimits())
    pulse.is_ready()
    return pulse


def test_an_answer_takes_from_the_first_question_without_one(
    pulse: RecordedPulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 103.0, 110.0, 110.5])
    monkeypatch.setattr("benchmarks.beats.now", lambda: next(times))
    for _ in range(3):
        assert pulse.beat() is Condition.ALIVE
    pulse.heard(1.5)
    pulse.heard()
    pulse.beat()
    pulse.heard(0.5)
    assert pulse.answers == [3.0, 0.5]
    assert RecordedPulse.longest_step == 1.5


def test_no_two_recordings_are_alike() -> None:
    assert recording(1) != recording(2)
    assert recording(1) == recording(1)
