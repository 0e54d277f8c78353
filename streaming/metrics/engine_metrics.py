"""What the engine does, and what waits for it."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from prometheus_client.core import Metric

from streaming.dispatch.engine_process import EngineState
from streaming.dispatch.executor import Executor
from streaming.measures.engine_figures import CAUSES
from streaming.metrics.families import counter, gauge, histogram

_Read = TypeVar("_Read")
TRIES = 5


def engine_metrics(executor: Executor) -> Iterator[Metric]:
    """May be called by any thread."""
    status, figures = _steadily(lambda: executor.status), executor.figures
    states = Counter(process.state for process in status.processes)
    yield gauge(
        "engine_processes",
        "Engine processes by state.",
        {(state.value,): states[state] for state in EngineState},
        ("state",),
    )
    yield gauge(
        "engine_slots",
        "Utterances that the engine processes can speak at once.",
        sum(process.slots for process in status.processes),
    )
    yield gauge("engine_slots_used", "Utterances that are being spoken.", status.running)
    yield gauge("utterances_waiting", "Utterances that wait for a slot.", status.waiting)
    if (load := _steadily(lambda: executor.load)) is not None:
        yield gauge("engine_load_ratio", "Share of the engine's time that streams in real time take now.", load)
    yield histogram("engine_step_seconds", "Time of one step of the engine, for all utterances in it.", figures.steps)
    yield counter("engine_starts", "Engine processes that became ready.", figures.starts)
    yield counter(
        "engine_deaths",
        "Engine processes that ended without having been told to.",
        {(cause,): figures.deaths[cause] for cause in CAUSES},
        ("cause",),
    )


def _steadily(read: Callable[[], _Read]) -> _Read:
    """What belongs to the event loop may change while another thread looks at it: then that looks again."""
    for _ in range(TRIES - 1):
        try:
            return read()
        except RuntimeError:  # a dictionary that changed its size
            continue
    return read()
