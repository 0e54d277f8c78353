"""What the engine's loop does for a newcomer while somebody speaks. Its rounds are run by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk
from streaming.engine.gpt.gpt import Gpt
from streaming.engine.reading import AHEAD_SECONDS, MOST_ROWS_BESIDE_A_STEP, Listeners, next_in_line
from streaming.engine.scheduler import ScheduledRequest
from streaming.engine.stepped_engine import SteppedEngine
from tests.process.engine.xtts import HELLO, TOMAS, audio, on_a_cpu, request, with_stop_bias

ROWS = 6


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Never ends by itself."""
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "endless", -100.0)


@pytest.fixture
def engine(checkpoint: Path) -> Iterator[SteppedEngine]:
    """Warm, and not running."""
    threads = torch.get_num_threads()
    engine = on_a_cpu(checkpoint, precision="int8", slots=3, threads=1)
    engine.warm_up()
    engine._model.gpt.rows_beside_a_step = ROWS
    yield engine
    engine._model.stop()
    torch.set_num_threads(threads)


class Watched:
    """How many rows of steps, and how many prefills, each call of a GPT has: "advance" calls have no steps."""

    def __init__(self, gpt: Gpt, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, int]] = []
        for name in ("step", "advance", "step_and_advance"):
            monkeypatch.setattr(gpt, name, self._noted(name, getattr(gpt, name)))
        forward = gpt._transformer.forward
        self.rows: list[int] = []

        def noted(hidden: Any, *rest: Any) -> Any:
            self.rows.append(len(hidden))
            return forward(hidden, *rest)

        monkeypatch.setattr(gpt._transformer, "forward", noted)

    def _noted(self, name: str, work: Any) -> Any:
        def noted(*arguments: Any) -> Any:
            self.calls.append((name, len(arguments[0])))
            return work(*arguments)

        return noted


def finish(engine: SteppedEngine) -> None:
    with torch.inference_mode():
        while not engine._scheduler.is_idle:
            engine._run_round()


def rounds(engine: SteppedEngine, count: int) -> None:
    with torch.inference_mode():
        for _ in range(count):
            engine._run_round()


def test_newcomers_cost_each_step_of_those_who_are_heard_no_more_than_the_share_of_one(
    engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[EngineEvent] = []
    engine._add(request("first"), events.append)
    while not events:
        rounds(engine, 1)
    watched = Watched(engine._model.gpt, monkeypatch)
    for name in ("second", "third"):
        engine._add(request(name, HELLO * 3, TOMAS), events.append)
    speaking = engine._utterances["first"]
    steps = speaking.steps
    while any(utterance.prefill or not utterance.steps for utterance in engine._utterances.values()):
        before = len(watched.rows)
        rounds(engine, 1)
        assert watched.rows[before:] == [min(watched.rows[before], ROWS + 2)]
        steps += 1
        assert speaking.steps == steps
    assert {name for name, _ in watched.calls} == {"step_and_advance"}
    finish(engine)


def test_while_nobody_is_heard_each_newcomer_has_a_share(
    engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[EngineEvent] = []
    engine._add(request("first"), events.append)
    rounds(engine, 1)
    watched = Watched(engine._model.gpt, monkeypatch)
    for name in ("second", "third"):
        engine._add(request(name, HELLO * 3, TOMAS), events.append)
    rounds(engine, 1)
    assert not events
    assert watched.rows == [1 + 2 * ROWS]
    finish(engine)


def test_who_is_far_ahead_of_his_listener_makes_room_for_newcomers(
    engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[EngineEvent] = []
    engine._add(request("first"), events.append)
    while not events:
        rounds(engine, 1)
    monkeypatch.setattr(ScheduledRequest, "lead", lambda request, now: AHEAD_SECONDS)
    watched = Watched(engine._model.gpt, monkeypatch)
    engine._add(request("second", HELLO * 2, TOMAS), events.append)
    rounds(engine, 1)
    assert watched.calls == [("step_and_advance", 1)]
    assert ROWS + 1 < watched.rows[0] <= MOST_ROWS_BESIDE_A_STEP + 1
    assert engine._utterances["second"].steps == 1
    finish(engine)


def test_however_many_wait_a_step_bears_so_many_rows(engine: SteppedEngine) -> None:
    for name in ("first", "second", "third"):
        engine._add(request(name, HELLO * 30), lambda event: None)
    rounds(engine, 1)
    gpt, waiting = engine._model.gpt, list(engine._utterances.values())
    for listeners in (Listeners.UNHEARD, Listeners.AHEAD):
        gpt.rows_beside_a_step = MOST_ROWS_BESIDE_A_STEP - 1
        assert next_in_line(gpt, waiting, listeners)[1] == MOST_ROWS_BESIDE_A_STEP
        gpt.rows_beside_a_step = MOST_ROWS_BESIDE_A_STEP + 1
        assert next_in_line(gpt, waiting, listeners)[1] == MOST_ROWS_BESIDE_A_STEP + 1
    for utterance in waiting:
        engine._cancel(utterance.request.request_id)


def test_who_begins_beside_others_says_what_he_says_alone(engine: SteppedEngine) -> None:
    heard: dict[str, list[EngineEvent]] = {}

    def hear(event: EngineEvent) -> None:
        heard.setdefault(event.request_id, []).append(event)

    requests = [request("a", seed=1), request("b", HELLO * 3, TOMAS, seed=2), request("c", HELLO * 10, seed=3)]
    for each in requests:
        engine._add(each, hear)
        rounds(engine, 3)
    finish(engine)
    beside = {name: audio(events) for name, events in heard.items()}
    for each in requests:
        heard.clear()
        engine._add(each, hear)
        finish(engine)
        assert np.array_equal(beside[each.request_id], audio(heard[each.request_id]))


def test_while_nobody_speaks_a_text_is_read_at_once(engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(engine._model.gpt, monkeypatch)
    engine._add(request("a", HELLO * 3), lambda event: None)
    rounds(engine, 1)
    assert watched.calls == [("advance", 1), ("step", 1)]
    finish(engine)


def test_with_a_gpu_all_that_wait_are_read_at_once(engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine._model.gpt.rows_beside_a_step = None
    watched = Watched(engine._model.gpt, monkeypatch)
    events: list[EngineEvent] = []
    for name in ("a", "b"):
        engine._add(request(name), events.append)
    rounds(engine, 1)
    engine._add(request("c"), events.append)
    rounds(engine, 1)
    assert watched.calls == [("advance", 2), ("step", 2), ("advance", 1), ("step", 3)]
    finish(engine)


def test_who_is_cancelled_before_his_text_is_read_leaves_his_slot(engine: SteppedEngine) -> None:
    events: list[EngineEvent] = []
    engine._add(request("first"), lambda event: None)
    rounds(engine, 2)
    engine._add(request("second", HELLO * 3), events.append)
    rounds(engine, 2)
    assert engine._utterances["second"].prefill
    engine._cancel("second")
    assert events == [Finished("second", cancelled=True)]
    engine._add(request("third"), events.append)
    finish(engine)
    assert events[-1] == Finished("third")


def test_a_part_that_fails_ends_those_who_were_in_it(engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[EngineEvent] = []
    engine._add(request("first"), events.append)
    rounds(engine, 2)
    for name in ("second", "waits"):
        engine._add(request(name, HELLO * 3), events.append)

    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(engine._model.gpt, "step_and_advance", fail)
        rounds(engine, 1)
    failed = [event.request_id for event in events if isinstance(event, Failed)]
    assert failed == ["first", "second"]
    finish(engine)
    assert Finished("waits") in events
    assert any(isinstance(event, PcmChunk) and event.request_id == "waits" for event in events)
