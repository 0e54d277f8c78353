"""One engine process and the jobs in it: generations, at most one preparation, and a watch that ends a silent process."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streaming.dispatch.engine_process import EngineProcess, EngineSpec, EngineState
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.dispatch.jobs import Job, Preparation, SpeechStream
from streaming.dispatch.pace import RowMeter
from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Prepared
from streaming.engine.framing import Cancel, Frame
from streaming.errors import EngineFailed
from streaming.measures.engine_figures import EngineFigures

logger = logging.getLogger("streaming.dispatch.executor")

STOPPED = "The speech engine stopped unexpectedly."


@dataclass(frozen=True, slots=True)
class EngineSlotsStatus:
    """What health checks report of one process. `spoken_by`: the engine's own voices -> the utterances that each had a part
    in, since the server started."""

    state: EngineState
    info: EngineInfo | None
    error: str | None
    restarts: int
    slots: int
    running: int
    preparing: int
    spoken_by: Mapping[str, int]


class EngineSlots:
    """Holds each job from its sending to the engine's last word, or to the end of the process, even if nobody listens any
    more.

    `max_running`: generations at once; None: as many as the engine says. `on_loop` passes what the engine's thread reports
    to the event loop, where everything else happens. On the loop, these are called: `on_ready` when the process has become
    ready, or answers again, `on_heard` when more audio has come, `on_room` with the job that has ended, `on_lost` when the
    process has ended. `heartbeat`: when it is taken for dead. `meter` measures how fast it speaks; `figures` is told of its
    starts, steps and deaths.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        max_running: int | None,
        silence_limit: float,
        heartbeat: HeartbeatLimits,
        meter: RowMeter,
        figures: EngineFigures,
        on_loop: Callable[..., None],
        on_ready: Callable[[], None],
        on_heard: Callable[[], None],
        on_room: Callable[[Job | None], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.process = EngineProcess(
            spec,
            on_frame=lambda frame: on_loop(self._receive, frame, time.monotonic()),
            on_lost=lambda life: on_loop(self._lose, life),
            on_ready=lambda: on_loop(on_ready),
            limits=heartbeat,
            figures=figures,
        )
        self._max_running = max_running
        self._silence_limit = silence_limit
        self._meter = meter
        self._on_heard = on_heard
        self._on_room = on_room
        self._on_lost = on_lost
        self._jobs: dict[str, Job] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._spoken_by: Counter[str] = Counter()

    @property
    def is_ready(self) -> bool:
        return self.process.state is EngineState.READY and self.process.info is not None

    @property
    def status(self) -> EngineSlotsStatus:
        process = self.process
        return EngineSlotsStatus(
            *(process.state, process.info, process.error, process.restarts),
            *(self.slots, self.running, self._preparing, dict(self._spoken_by)),
        )

    @property
    def slots(self) -> int:
        """How many generations at once; 0 as long as that is unknown."""
        return self._max_running or (self.process.info.slots if self.process.info else 0)

    @property
    def free_slots(self) -> int:
        return self.slots - self.running

    @property
    def running(self) -> int:
        """Generations that hold a slot."""
        return len(self._jobs) - self._preparing

    @property
    def reads_ahead(self) -> bool:
        return self.process.info is not None and self.process.info.reads_ahead

    @property
    def is_preparing(self) -> bool:
        return self._preparing > 0

    @property
    def _preparing(self) -> int:
        return sum(isinstance(job, Preparation) for job in self._jobs.values())

    def send(self, job: Job) -> None:
        """A job that cannot be sent fails, and takes no slot."""
        job.process_life = self.process.lives
        try:
            self.process.send(job.frame)
        except Exception as error:
            logger.exception("A request could not be sent to the engine")
            job.fail(EngineFailed(f"The request cannot be sent to the engine: {error}"))
            return
        self._jobs[job.request_id] = job
        job.leave_line()
        if isinstance(job, SpeechStream):
            self._meter.begin(job.request_id, now=_now())
        self._set_watch()

    def cancel(self, job: Job) -> None:
        """Tell the engine to drop the job, if this process has it. Its slot is free when the engine says so."""
        if self._jobs.get(job.request_id) is job:
            self.process.send(Cancel(job.request_id))

    def _set_watch(self) -> None:
        """A slot whose engine is silent for too long must not be lost, even if the listener has left."""
        if self._watch is None and self._jobs:
            oldest = min(job.heard_at for job in self._jobs.values())
            self._watch = asyncio.get_running_loop().call_at(oldest + self._silence_limit, self._look)

    def _look(self) -> None:
        self._watch = None
        now = asyncio.get_running_loop().time()
        if any(now - job.heard_at >= self._silence_limit for job in self._jobs.values()):
            logger.error("The engine has been silent for %g s; killing its process", self._silence_limit)
            # `_lose` then ends the jobs, as for any process that ends.
            self.process.kill("silent")
            return
        self._set_watch()

    def _end_watch_if_idle(self) -> None:
        if self._watch and not self._jobs:
            self._watch.cancel()
            self._watch = None

    def _receive(self, frame: Frame, came_at: float) -> None:
        """`came_at`: on the clock of event loops. A loop that is busy hears of it later."""
        match frame:
            case PcmChunk(request_id=request_id) if job := self._jobs.get(request_id):
                job.put(frame, came_at)
                seconds = len(frame.samples) / self.process.info.sample_rate if self.process.info else 0.0
                self._meter.heard(request_id, seconds, now=_now())
                self._on_heard()
            case Prepared() | Finished() | Failed():
                if isinstance(frame, Finished):
                    self._spoken_by.update(frame.voices)
                self._meter.end(frame.request_id, now=_now())
                if job := self._jobs.pop(frame.request_id, None):
                    job.put(frame)
                self._end_watch_if_idle()
                self._on_room(job)

    def _lose(self, life: int) -> None:
        """A process ended: its jobs fail."""
        lost = [job for job in self._jobs.values() if job.process_life <= life]
        for job in lost:
            del self._jobs[job.request_id]
            self._meter.end(job.request_id, now=_now())
            job.fail(EngineFailed(STOPPED))
        self._end_watch_if_idle()
        self._on_lost()


def _now() -> float:
    return asyncio.get_running_loop().time()
