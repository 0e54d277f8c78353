"""What health checks report of the executor."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from streaming.dispatch.engine_process import EngineState
from streaming.dispatch.engine_slots import EngineSlotsStatus
from streaming.engine.contract import EngineInfo

# The state of several processes is that of the one that is furthest on its way.
_BEST_FIRST = (
    *(EngineState.READY, EngineState.UNRESPONSIVE),
    *(EngineState.STARTING, EngineState.RESTARTING, EngineState.STOPPED),
)


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """What health checks report: of all processes together, and of each."""

    state: EngineState
    info: EngineInfo | None
    error: str | None
    restarts: int
    running: int
    waiting: int
    processes: tuple[EngineSlotsStatus, ...]
    spoken_by: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, processes: Sequence[EngineSlotsStatus], waiting: int) -> Self:
        first = min(processes, key=lambda status: _BEST_FIRST.index(status.state))
        return cls(
            state=first.state,
            info=first.info or next((status.info for status in processes if status.info), None),
            error=next((status.error for status in processes if status.error), None),
            restarts=sum(status.restarts for status in processes),
            running=sum(status.running for status in processes),
            waiting=waiting,
            processes=tuple(processes),
            spoken_by=sum((Counter(status.spoken_by) for status in processes), Counter[str]()),
        )

    @property
    def is_ready(self) -> bool:
        return self.state is EngineState.READY
