"""The GPU-limited executor: a bounded number of generations at once, a bounded line before them.

The only bridge between the engine's threads and the event loop. `speak(request)` gives an async iterator of chunks; closing
it cancels. A slot is held while the engine works, not while somebody listens: chunks wait in their stream's own queue, and
the engine's last word frees the slot whether or not they have been fetched.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from streaming.dispatch.engine_process import EngineSpec, EngineState
from streaming.dispatch.engine_slots import STOPPED, Device, DeviceStatus
from streaming.dispatch.jobs import Job, Place, Preparation, SpeechStream
from streaming.dispatch.shared_calls import SharedCalls
from streaming.engine.contract import EngineInfo, Prepare, SpeechRequest, VoiceRef
from streaming.errors import EngineUnavailable, Overloaded

__all__ = ["Executor", "ExecutorStatus", "Place", "SpeechStream"]

logger = logging.getLogger("streaming.dispatch.executor")

# The state of several processes is that of the one that is furthest on its way.
_BEST_FIRST = (EngineState.READY, EngineState.STARTING, EngineState.RESTARTING, EngineState.STOPPED)


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """What health answers report: of all processes together, and of each."""

    state: EngineState
    info: EngineInfo | None
    error: str | None
    restarts: int
    running: int
    waiting: int
    processes: tuple[DeviceStatus, ...]

    @property
    def is_ready(self) -> bool:
        return self.state is EngineState.READY


class Executor:
    """One engine process per spec (a spec per GPU, say), all with the same weights: whatever is ready takes its share.

    At most `max_running` generations at once in each process (None: as many as its engine says); at most `max_waiting`
    requests in one line before them all, first come first served. All methods but `start` and `stop` belong to the event
    loop.
    """

    def __init__(
        self,
        specs: EngineSpec | Sequence[EngineSpec],
        *,
        max_running: int | None,
        max_waiting: int,
        silence_limit: float = 60.0,
    ) -> None:
        self._devices = [
            Device(
                spec,
                max_running=max_running,
                silence_limit=silence_limit,
                on_loop=self._on_loop,
                on_ready=self._greet,
                on_room=self._admit,
                on_lost=self._lose,
            )
            for spec in ([specs] if isinstance(specs, EngineSpec) else specs)
        ]
        self._max_waiting = max_waiting
        self._waiting: deque[SpeechStream] = deque()
        self._preparations: deque[Preparation] = deque()
        self._preparing: SharedCalls[bytes] = SharedCalls()
        self._awaiting_ready: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Index of the device that is first in turn.
        self._turn = 0

    def start(self) -> None:
        """Start the processes; returns at once."""
        for device in self._devices:
            device.process.start()

    def stop(self) -> None:
        """End the processes. Blocks for a few seconds at most; call it from a thread."""
        for device in self._devices:
            device.process.ask_to_stop()
        for device in self._devices:
            device.process.stop()

    @property
    def status(self) -> ExecutorStatus:
        each = tuple(device.status for device in self._devices)
        first = min(each, key=lambda status: _BEST_FIRST.index(status.state))
        return ExecutorStatus(
            state=first.state,
            info=first.info or next((status.info for status in each if status.info), None),
            error=next((status.error for status in each if status.error), None),
            restarts=sum(status.restarts for status in each),
            running=sum(status.running for status in each),
            waiting=len(self._waiting),
            processes=each,
        )

    @property
    def engine_pids(self) -> list[int | None]:
        return [device.process.pid for device in self._devices]

    @property
    def engine_pid(self) -> int | None:
        """The first process."""
        return self.engine_pids[0]

    async def ready(self) -> EngineInfo:
        """What the engine is, as soon as there is one that is ready."""
        self._loop = asyncio.get_running_loop()
        while not (ready := self._ready_devices()):
            waiter = self._loop.create_future()
            self._awaiting_ready.add(waiter)
            try:
                await waiter
            finally:
                self._awaiting_ready.discard(waiter)
        return _info_of(ready[0])

    def speak(self, request: SpeechRequest, *, continues: bool = False, place: Place | None = None) -> SpeechStream:
        """Put the utterance in line, at its `place` among those of its client. Raises EngineUnavailable and Overloaded.

        What `continues` a speech that has begun is not refused in the middle of it, however long the line: each stream of
        a connection has one utterance in line at most, so the number of streams bounds these.
        """
        ready = self._require_ready()
        has_room = any(device.free_slots > 0 for device in ready) or len(self._waiting) < self._max_waiting
        if not has_room and not continues:
            raise Overloaded(f"{len(self._waiting)} utterances are waiting already; try again later.")
        stream = SpeechStream(self, request, _info_of(ready[0]).sample_rate, place)
        self._waiting.append(stream)
        self._order(stream.place.client)
        self._admit()
        return stream

    def _order(self, client: object) -> None:
        """Among the places in line that a client has, its newest streams have the first."""
        places = [index for index, waiting in enumerate(self._waiting) if waiting.place.client is client]
        newest_first = sorted((self._waiting[index] for index in places), key=lambda waiting: -waiting.place.stream)
        for index, waiting in zip(places, newest_first, strict=True):
            self._waiting[index] = waiting

    async def prepare(self, voice: VoiceRef) -> bytes:
        """The conditioning of the voice's clips. Raises EngineUnavailable and EngineFailed.

        Equal keys asked for at the same time are prepared once. A preparation takes no slot of a generation; each process
        has one at a time, and the callers bound how many wait.
        """
        return await self._preparing.get(voice.key, partial(self._prepare, voice))

    async def _prepare(self, voice: VoiceRef) -> bytes:
        self._require_ready()
        preparation = Preparation(Prepare(uuid.uuid4().hex, voice))
        self._preparations.append(preparation)
        self._admit()
        try:
            return await preparation.result()
        finally:
            self.cancel(preparation)

    def cancel(self, job: Job) -> None:
        """Take it out of the line, or tell the engine to drop it. Its slot is free when the engine says so."""
        for line in (self._waiting, self._preparations):
            if job in line:
                line.remove(job)  # type: ignore[arg-type] # it is in there
        for device in self._devices:
            device.cancel(job)

    def _ready_devices(self) -> list[Device]:
        """Those that are ready, in turn."""
        in_turn = self._devices[self._turn :] + self._devices[: self._turn]
        return [device for device in in_turn if device.is_ready]

    def _require_ready(self) -> list[Device]:
        self._loop = asyncio.get_running_loop()
        if ready := self._ready_devices():
            return ready
        raise EngineUnavailable("The speech engine is not ready; try again shortly.")

    def _admit(self) -> None:
        while self._preparations and (device := self._freest(lambda device: not device.is_preparing)):
            device.send(self._preparations.popleft())
        while self._waiting and (device := self._freest(lambda device: device.free_slots > 0)):
            device.send(self._waiting.popleft())
            self._turn = (self._devices.index(device) + 1) % len(self._devices)

    def _freest(self, has_room: Callable[[Device], bool]) -> Device | None:
        """Among the ready ones that have room, the one with the most free slots; of equals the first in turn."""
        return max(filter(has_room, self._ready_devices()), key=lambda device: device.free_slots, default=None)

    # From the engines' reading threads to the event loop, and what is done there.

    def _on_loop(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            logger.debug("The event loop closed before the engine's last word")

    def _greet(self) -> None:
        """A process has become ready."""
        for waiter in self._awaiting_ready:
            if not waiter.done():
                waiter.set_result(None)
        self._admit()

    def _lose(self) -> None:
        """A process has ended: unless another one serves the line, everybody in it is told."""
        if not self._ready_devices():
            lost = [*self._waiting, *self._preparations]
            self._waiting.clear()
            self._preparations.clear()
            for job in lost:
                job.fail(STOPPED)
        self._admit()


def _info_of(device: Device) -> EngineInfo:
    if device.process.info is None:
        raise RuntimeError("A device that is ready has said what it is.")
    return device.process.info
