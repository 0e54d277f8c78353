"""One engine process as the server sees it: started, restarted, stopped."""

import logging
import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.stepping_engine import stepping_spec
from streaming.dispatch import engine_process as process
from streaming.dispatch.engine_process import EngineProcess, EngineSpec, EngineState
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.engine.contract import Finished, PcmChunk, Prepare, Prepared, SpeechRequest, VoiceRef
from streaming.engine.framing import Frame
from streaming.measures.engine_figures import EngineFigures
from tests.process.engine.cloning_engine import cloning_spec, conditioning_of

UNKNOWN = EngineSpec("no such engine")
DEMO = EngineSpec("demo", {"threads": 1})
# No process is taken for dead, however busy the machine is.
PATIENT = HeartbeatLimits(600.0, 600.0)


class Watched(EngineProcess):
    """Keeps what it was told, and knows every process that it had."""

    def __init__(self, spec: EngineSpec, limits: HeartbeatLimits = PATIENT) -> None:
        self.frames: queue.Queue[Frame] = queue.Queue()
        self.losses = 0
        self.starts = 0
        self.figures = EngineFigures()
        super().__init__(spec, self.frames.put, self._lost, self._started, limits, self.figures)

    def _lost(self, _life: int) -> None:
        self.losses += 1

    def _started(self) -> None:
        assert self.state is EngineState.READY
        self.starts += 1


@pytest.fixture
def make() -> Iterator[Callable[[EngineSpec], Watched]]:
    made: list[Watched] = []

    def start(spec: EngineSpec = DEMO, limits: HeartbeatLimits = PATIENT) -> Watched:
        made.append(Watched(spec, limits))
        made[-1].start()
        return made[-1]

    yield start
    for engine in made:
        engine.stop()


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_becomes_ready_and_speaks(make: Callable[..., Watched]) -> None:
    engine = make()
    assert engine.state is EngineState.STARTING
    until(lambda: engine.state is EngineState.READY)
    engine.send(SpeechRequest("1", "Hello."))
    assert isinstance(engine.frames.get(timeout=20), PcmChunk)
    assert engine.frames.get(timeout=20) == Finished("1")
    assert (engine.losses, engine.restarts, engine.error) == (0, 0, None)
    assert (engine.figures.starts, engine.figures.deaths) == (1, {})


def test_it_tells_how_long_its_steps_took(make: Callable[..., Watched]) -> None:
    engine = make(DEMO, HeartbeatLimits(silence=30.0))
    until(lambda: engine.state is EngineState.READY)
    engine.send(SpeechRequest("1", "Hello."))
    until(lambda: sum(engine.figures.steps.counts) == 1)
    assert engine.figures.steps.sum > 0


def test_a_process_that_dies_is_reported_and_started_again(make: Callable[..., Watched]) -> None:
    engine = make()
    until(lambda: engine.state is EngineState.READY)
    pid = engine.pid
    os.kill(pid or 0, signal.SIGKILL)
    until(lambda: engine.losses == 1)
    assert engine.state is EngineState.RESTARTING
    assert engine.error == "exit code -9"
    until(lambda: engine.state is EngineState.READY)
    assert engine.restarts == 1
    assert engine.pid != pid
    assert (engine.figures.starts, engine.figures.deaths) == (2, {"exited": 1})


def test_killing_is_dying(make: Callable[..., Watched]) -> None:
    engine = make()
    until(lambda: engine.state is EngineState.READY)
    engine.kill()
    until(lambda: engine.restarts == 1)
    assert engine.losses == 1


def test_one_that_was_ready_for_long_is_started_again_at_once(
    make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "HEALTHY_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(process, "FIRST_BACK_OFF_SECONDS", 600.0)
    engine = make(cloning_spec(tmp_path))
    until(lambda: engine.starts == 1)
    engine.kill()
    until(lambda: engine.starts == 2)
    engine.kill()
    until(lambda: engine.starts == 3)
    assert engine.losses == 2


def test_one_that_stands_still_while_there_is_nothing_to_do_is_replaced(
    make: Callable[..., Watched], tmp_path: Path
) -> None:
    engine = make(cloning_spec(tmp_path), HeartbeatLimits(silence=2.0))
    until(lambda: engine.state is EngineState.READY)
    pid = engine.pid
    os.kill(pid or 0, signal.SIGSTOP)
    until(lambda: engine.losses == 1, 60)
    assert "no sign of life" in (engine.error or "")
    assert not is_alive(pid)
    until(lambda: engine.state is EngineState.READY, 60)
    assert engine.figures.deaths == {"hung": 1}


def test_one_that_cannot_be_killed_is_given_up(
    make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if it hung in a driver."""
    engine = make(cloning_spec(tmp_path), HeartbeatLimits(silence=2.0))
    until(lambda: engine.state is EngineState.READY)
    monkeypatch.setattr(process, "STOP_SECONDS", 0.1)
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _: None)
    pid = engine.pid
    os.kill(pid or 0, signal.SIGSTOP)
    until(lambda: engine.losses == 1, 60)
    assert (engine.state, engine.lives, is_alive(pid)) == (EngineState.RESTARTING, 1, True)
    monkeypatch.undo()
    engine.kill()
    until(lambda: engine.state is EngineState.READY, 60)


def test_one_that_answers_again_is_ready_again(make: Callable[..., Watched], tmp_path: Path) -> None:
    engine = make(cloning_spec(tmp_path), HeartbeatLimits(silence=10.0))
    until(lambda: engine.state is EngineState.READY)
    os.kill(engine.pid or 0, signal.SIGSTOP)
    until(lambda: engine.state is EngineState.UNRESPONSIVE, 60)
    os.kill(engine.pid or 0, signal.SIGCONT)
    until(lambda: engine.state is EngineState.READY, 60)
    until(lambda: engine.starts == 2)
    assert engine.losses == 0


def test_a_step_that_never_ends_is_noticed(make: Callable[..., Watched], tmp_path: Path) -> None:
    engine = make(stepping_spec(folder=tmp_path), HeartbeatLimits(silence=10.0, step=0.5))
    until(lambda: engine.state is EngineState.READY)
    pid = engine.pid
    (tmp_path / "hold-step").touch()
    engine.send(SpeechRequest("1", "Hello."))
    until(lambda: engine.losses == 1, 600)
    assert "a step has lasted" in (engine.error or "")
    assert not is_alive(pid)


def test_what_was_sent_to_the_dead_does_not_reach_the_living(make: Callable[..., Watched]) -> None:
    engine = make()
    until(lambda: engine.state is EngineState.READY)
    os.kill(engine.pid or 0, signal.SIGSTOP)
    engine.send(SpeechRequest("1", "Hello."))
    engine.kill()
    engine.send(SpeechRequest("2", "Hello."))
    until(lambda: engine.restarts == 1 and engine.state is EngineState.READY)
    engine.send(SpeechRequest("3", "Hello."))
    assert engine.frames.get(timeout=20).__getattribute__("request_id") == "3"


def test_an_engine_that_cannot_be_loaded_is_retried_less_and_less_often(
    make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "FIRST_BACK_OFF_SECONDS", 0.01)
    monkeypatch.setattr(process, "LONGEST_BACK_OFF_SECONDS", 0.03)
    with caplog.at_level(logging.ERROR, "streaming.engine"):
        engine = make(UNKNOWN)
        until(lambda: len(caplog.records) == 4)
    assert [record.args[1] for record in caplog.records if isinstance(record.args, tuple)] == [0, 0.01, 0.02, 0.03]
    assert all("no such engine" in record.getMessage() for record in caplog.records)
    assert engine.info is None


def test_the_reason_is_known_also_while_the_next_attempt_is_made(
    make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FIRST_BACK_OFF_SECONDS", 0.01)
    engine = make(UNKNOWN)
    until(lambda: engine.losses == 1)
    until(lambda: engine.restarts == 1)
    seen = set()
    while engine.losses == 1:
        seen.add(engine.error)
        time.sleep(0.005)
    assert None not in seen


def test_stopping_leaves_no_process_and_can_be_repeated(make: Callable[..., Watched]) -> None:
    engine = make()
    until(lambda: engine.state is EngineState.READY)
    engine.stop()
    engine.stop()
    assert engine.state is EngineState.STOPPED
    assert not is_alive(engine.pid)
    assert (engine.losses, engine.restarts) == (1, 0)


@pytest.mark.parametrize("delay", [0, 0.02, 0.2, 0.6])
def test_stopping_during_the_start_leaves_no_process(make: Callable[..., Watched], delay: float) -> None:
    engine = make()
    time.sleep(delay)
    engine.stop()
    assert engine.state is EngineState.STOPPED
    assert not is_alive(engine.pid)


def test_stopping_while_the_next_attempt_waits(make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_BACK_OFF_SECONDS", 30.0)
    engine = make(UNKNOWN)
    until(lambda: engine.losses == 2)
    engine.stop()
    assert engine.state is EngineState.STOPPED
    assert not is_alive(engine.pid)
    assert engine.losses == 2


def test_what_was_never_started_can_be_stopped() -> None:
    engine = Watched(DEMO)
    engine.stop()
    assert engine.state is EngineState.STOPPED


def test_a_process_that_does_not_stop_when_asked_is_killed(
    make: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    engine = make()
    until(lambda: engine.state is EngineState.READY)
    os.kill(engine.pid or 0, signal.SIGSTOP)
    engine.stop()
    until(lambda: not is_alive(engine.pid))
    assert engine.state is EngineState.STOPPED


def test_every_time_that_it_is_ready_is_reported(make: Callable[..., Watched], tmp_path: Path) -> None:
    engine = make(cloning_spec(tmp_path))
    until(lambda: engine.starts == 1)
    engine.kill()
    until(lambda: engine.starts == 2)
    assert engine.restarts == 1


def test_sending_many_megabytes_to_a_process_that_does_not_read_returns_at_once(
    make: Callable[..., Watched], tmp_path: Path
) -> None:
    engine = make(cloning_spec(tmp_path))
    until(lambda: engine.state is EngineState.READY)
    os.kill(engine.pid or 0, signal.SIGSTOP)
    clips = (os.urandom(30 * 2**20),)
    engine.send(Prepare("1", VoiceRef("key", clips)))
    assert engine.frames.empty()
    os.kill(engine.pid or 0, signal.SIGCONT)
    assert engine.frames.get(timeout=20) == Prepared("1", conditioning_of(clips))


def test_who_is_asked_to_stop_ends_by_itself(make: Callable[..., Watched], tmp_path: Path) -> None:
    engine = make(cloning_spec(tmp_path))
    until(lambda: engine.state is EngineState.READY)
    engine.ask_to_stop()
    until(lambda: engine.losses == 1)
    assert (engine.state, engine.error) == (EngineState.STOPPED, "exit code 0")


def test_nothing_is_imported_from_the_current_directory(
    make: Callable[[EngineSpec], Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be one that another user of the machine writes into."""
    trap = "import pathlib; pathlib.Path(__file__).with_name('sprung').touch()\n"
    for name in ("msgpack", "numpy", "streaming"):
        (tmp_path / f"{name}.py").write_text(trap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    engine = make(DEMO)
    until(lambda: engine.state is EngineState.READY, 60)
    assert not (tmp_path / "sprung").exists()
