"""The GPU-limited executor: a bounded number of generations at once, a bounded line before them.

The only bridge between the engine's threads and the event loop. `speak(request)` gives an async iterator of chunks; closing
it cancels the generation. A slot is held while the engine works, not while somebody listens: chunks wait in their stream's
own queue, and the engine's last word frees the slot even if they have not been fetched.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial

from streaming.dispatch.admission import Admission
from streaming.dispatch.engine_pool import EnginePool
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.engine_slots import STOPPED, EngineSlots
from streaming.dispatch.executor_status import ExecutorStatus
from streaming.dispatch.expected_text import ExpectedText
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.dispatch.jobs import Job, Place, Preparation, SpeechStream
from streaming.dispatch.shared_calls import SharedCalls
from streaming.dispatch.waiting_line import Outage, WaitingLine
from streaming.engine.contract import EngineInfo, Prepare, SpeechRequest, VoiceRef
from streaming.errors import EngineFailed, EngineUnavailable, Overloaded
from streaming.measures.engine_figures import EngineFigures

__all__ = ["Executor", "ExecutorStatus", "Place", "SpeechStream"]

logger = logging.getLogger("streaming.dispatch.executor")


class Executor:
    """One engine process per spec (one spec for each GPU, say), all with the same weights: every process that is ready takes
    its share.

    At most `max_running` generations at once in each process (None: as many as its engine says); at most `max_waiting`
    requests in one line before them all, first come first served. With `max_load`, no more than can be spoken in real time
    (see `admission`). While no process is ready, what is in the line is kept for `away_limit` seconds. All methods but
    `stop` belong to the event loop on which `start` was called.
    """

    def __init__(
        self,
        specs: EngineSpec | Sequence[EngineSpec],
        *,
        max_running: int | None,
        max_waiting: int,
        silence_limit: float = 60.0,
        heartbeat: HeartbeatLimits | None = None,
        away_limit: float = 20.0,
        max_load: float | None = None,
    ) -> None:
        self._admission = Admission(max_load)
        self.figures = EngineFigures()
        engines = [
            EngineSlots(
                spec,
                max_running=max_running,
                silence_limit=silence_limit,
                heartbeat=heartbeat or HeartbeatLimits(),
                on_loop=self._on_loop,
                meter=self._admission.new_meter(),
                figures=self.figures,
                on_ready=self._greet,
                on_heard=self._begin_what_is_held,
                on_room=self._take_leave,
                on_lost=self._lose,
            )
            for spec in ([specs] if isinstance(specs, EngineSpec) else specs)
        ]
        self._engines = EnginePool(engines)
        self._max_waiting = max_waiting
        self._line = WaitingLine()
        self._outage = Outage(away_limit, self._give_up)
        # Of each client the one text that is expected.
        self._expected: dict[object, ExpectedText] = {}
        self._preparing: SharedCalls[bytes] = SharedCalls()
        self._awaiting_ready: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the processes; returns at once. The running event loop is the one that hears of them from now on."""
        self._loop = asyncio.get_running_loop()
        for engine in self._engines:
            engine.process.start()

    def stop(self) -> None:
        """End the processes. Blocks for a few seconds at most; call it from a thread."""
        for engine in self._engines:
            engine.process.ask_to_stop()
        for engine in self._engines:
            engine.process.stop()

    @property
    def status(self) -> ExecutorStatus:
        return ExecutorStatus.of([engine.status for engine in self._engines], waiting=len(self._line.streams))

    @property
    def reads_ahead(self) -> bool:
        """Whether a process that is ready can use text that is still arriving."""
        return any(engine.reads_ahead for engine in self._engines.ready)

    @property
    def engine_pids(self) -> list[int | None]:
        return [engine.process.pid for engine in self._engines]

    @property
    def engine_pid(self) -> int | None:
        """The first process."""
        return self.engine_pids[0]

    async def ready(self) -> EngineInfo:
        """Wait until an engine is ready, and say what it is."""
        while not self._engines.ready:
            waiter = asyncio.get_running_loop().create_future()
            self._awaiting_ready.add(waiter)
            try:
                await waiter
            finally:
                self._awaiting_ready.discard(waiter)
        return self._engines.info

    def expect(self, request: SpeechRequest, client: object) -> ExpectedText | None:
        """Tell an engine that reads ahead, and has a free slot, what will probably be spoken; None if there is none. A
        client has one such text: the one before is dropped. Whoever is given it has it spoken, or forgets it."""
        if before := self._expected.pop(client, None):
            before.drop()
        engine = self._engines.freest(lambda engine: engine.reads_ahead and engine.free_slots > 0)
        if engine is None or self._line.streams:
            return None
        expected = self._expected[client] = ExpectedText(engine, request)
        return expected

    def forget(self, expected: ExpectedText, client: object) -> None:
        """It will not be spoken."""
        expected.drop()
        if self._expected.get(client) is expected:
            del self._expected[client]

    def speak(
        self,
        request: SpeechRequest,
        *,
        continues: bool = False,
        place: Place | None = None,
        expected: ExpectedText | None = None,
    ) -> SpeechStream:
        """Put the utterance in line, at its `place` among those of its client. `expected`: what an engine was told of it
        under its id. Raises EngineUnavailable and Overloaded.

        An utterance that `continues` a speech is not refused, however long the line: each stream of a connection has one
        utterance in line at most, so the number of streams bounds these. It also waits for an engine that starts again.
        """
        if continues and self._engines.is_away_for_now and not self._outage.is_too_long:
            self._outage.begin()
        else:
            self._require_ready()
        if continues:
            self._admission.goes_on()
        else:
            self._require_room()
        stream = SpeechStream(self, request, self._engines.info.sample_rate, place, expected, continues=continues)
        if expected and self._expected.get(stream.place.client) is expected:
            del self._expected[stream.place.client]
        self._line.add(stream)
        self._fill_slots()
        return stream

    def _require_room(self) -> None:
        """For one more stream. Raises Overloaded."""
        waiting = len(self._line.streams)
        if waiting >= self._max_waiting and not any(engine.free_slots > 0 for engine in self._engines.ready):
            raise Overloaded(f"The queue is full ({waiting} utterances are waiting); try again later.")
        streams = waiting + self._engines.running
        if not self._admission.admits(streams, self._engines.capacity, now=_now()):
            raise Overloaded(f"The server cannot speak more than {streams} utterances in real time; try again later.")

    @property
    def load(self) -> float | None:
        """The share of the engines' time that streams in real time take now; None if it is not known."""
        streams = len(self._line.streams) + self._engines.running
        return self._admission.load(streams, self._engines.capacity, now=time.monotonic())

    async def prepare(self, voice: VoiceRef) -> bytes:
        """The conditioning of the voice's clips. Raises EngineUnavailable and EngineFailed.

        Equal keys asked for at the same time are prepared once. A preparation takes no slot of a generation; each process
        has one at a time, and the callers bound how many wait.
        """
        return await self._preparing.get(voice.key, partial(self._prepare, voice))

    async def _prepare(self, voice: VoiceRef) -> bytes:
        self._require_ready()
        preparation = Preparation(Prepare(uuid.uuid4().hex, voice))
        self._line.preparations.append(preparation)
        self._fill_slots()
        try:
            return await preparation.result()
        finally:
            self.cancel(preparation)

    def cancel(self, job: Job) -> None:
        """Take the job out of the line, or tell the engine to drop it. Its slot is free when the engine says so."""
        self._line.remove(job)
        for engine in self._engines:
            engine.cancel(job)

    def _require_ready(self) -> None:
        if not self._engines.ready:
            raise EngineUnavailable("The speech engine is not ready; try again shortly.")

    def _fill_slots(self) -> None:
        """Send what waits to the processes that have room for it."""
        preparations = self._line.preparations
        while preparations and (engine := self._engines.freest(lambda engine: not engine.is_preparing)):
            engine.send(preparations.popleft())
        while (stream := self._line.first(self._may_begin)) and (engine := self._engines.engine_for(stream)):
            self._line.streams.remove(stream)
            self._engines.send(stream, engine)

    def _may_begin(self) -> bool:
        """Whether one more stream may begin now, or is held back until more is known of how fast the engines speak."""
        least = min((engine.running for engine in self._engines.ready), default=0)
        return self._admission.may_begin(least, now=_now())

    # From the engines' reading threads to the event loop, and what is done there.

    def _on_loop(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            logger.debug("The event loop closed before the engine's last event arrived")

    def _greet(self) -> None:
        """A process has become ready, or answers again."""
        self._outage.end()
        for waiter in self._awaiting_ready:
            if not waiter.done():
                waiter.set_result(None)
        self._fill_slots()

    def _begin_what_is_held(self) -> None:
        """More is known of how fast the engines speak."""
        if self._line.streams:
            self._fill_slots()

    def _take_leave(self, job: Job | None) -> None:
        """A job has ended: there is room."""
        if isinstance(job, SpeechStream) and job.goes_on and not job.is_cancelled:
            self._admission.will_go_on(now=_now())
        self._fill_slots()

    def _lose(self) -> None:
        """A process has ended: what waits is kept for the next one, unless there will be none."""
        if self._engines.is_stopped:
            self._line.fail_all(lambda: EngineFailed(STOPPED))
        elif not self._engines.ready:
            self._outage.begin()
        self._fill_slots()

    def _give_up(self) -> None:
        """No process has become ready for too long."""
        if self._line:
            logger.error("What waits for the engine is given up, since none has become ready in time")
        self._line.fail_all(lambda: EngineUnavailable("The speech engine has not come back in time; try again later."))


def _now() -> float:
    return asyncio.get_running_loop().time()
