"""All engine processes of an executor: which of them takes what."""

from collections.abc import Callable, Iterator, Sequence

from streaming.dispatch.admission import Capacity
from streaming.dispatch.engine_process import EngineState
from streaming.dispatch.engine_slots import EngineSlots
from streaming.dispatch.jobs import SpeechStream
from streaming.engine.contract import EngineInfo


class EnginePool:
    """Those with the most free slots come first, equals in turn."""

    def __init__(self, engines: Sequence[EngineSlots]) -> None:
        self._engines = list(engines)
        # Index of the process that comes first where several have the same number of free slots (round robin).
        self._first = 0

    def __iter__(self) -> Iterator[EngineSlots]:
        return iter(self._engines)

    @property
    def ready(self) -> list[EngineSlots]:
        round_robin = self._engines[self._first :] + self._engines[: self._first]
        return [engine for engine in round_robin if engine.is_ready]

    @property
    def info(self) -> EngineInfo:
        """What all processes are, where one has been ready."""
        return next(engine.process.info for engine in (*self.ready, *self._engines) if engine.process.info)

    @property
    def running(self) -> int:
        return sum(engine.running for engine in self._engines)

    @property
    def capacity(self) -> Capacity:
        ready = self.ready
        return Capacity(len(ready), max((engine.slots for engine in ready), default=1))

    @property
    def is_away_for_now(self) -> bool:
        """Whether no process is ready, but one was, and the next one is on its way."""
        states = {engine.process.state for engine in self._engines if engine.process.info}
        return not self.ready and not states.isdisjoint((EngineState.UNRESPONSIVE, EngineState.RESTARTING))

    @property
    def is_stopped(self) -> bool:
        return all(engine.process.state is EngineState.STOPPED for engine in self._engines)

    def freest(self, has_room: Callable[[EngineSlots], bool]) -> EngineSlots | None:
        """Of the ready processes that have room, the one with the most free slots."""
        return max(filter(has_room, self.ready), key=lambda engine: engine.free_slots, default=None)

    def send(self, stream: SpeechStream, engine: EngineSlots) -> None:
        engine.send(stream)
        self._first = (self._engines.index(engine) + 1) % len(self._engines)

    def engine_for(self, stream: SpeechStream) -> EngineSlots | None:
        """The process that expects it, if that has room; else the freest one, which has to read all of it."""
        freest = self.freest(lambda engine: engine.free_slots > 0)
        if freest is None or stream.expected is None or stream.expected.is_dropped:
            return freest
        expecting = stream.expected.engine
        if expecting.is_ready and expecting.free_slots > 0:
            return expecting
        stream.expected.drop()
        return freest
