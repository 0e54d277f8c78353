"""The GPU-limited executor: a bounded number of generations at once, a bounded line before them.

The only bridge between the engine's threads and the event loop. `speak(request)` gives an async iterator of chunks; closing
it cancels. A slot is held while the engine works, not while somebody listens: chunks wait in their stream's own queue, and
the engine's last word frees the slot whether or not they have been fetched.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, SpeechRequest
from streaming.engine.framing import Cancel, Frame
from streaming.engine.process import EngineProcess, EngineSpec, EngineState

logger = logging.getLogger("streaming.executor")


class SpeechError(Exception):
    """The utterance cannot be spoken. The message is fit for the client."""


class Overloaded(SpeechError):
    """The waiting line is full."""


class EngineUnavailable(SpeechError):
    """The engine is loading, or on its way back from a crash."""


class EngineFailed(SpeechError):
    """The engine gave this utterance up, or died in the middle of it."""


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """What health answers report."""

    state: EngineState
    info: EngineInfo | None
    error: str | None
    restarts: int
    running: int
    waiting: int

    @property
    def is_ready(self) -> bool:
        return self.state is EngineState.READY


class SpeechStream:
    """The chunks of one utterance, in order. Use as `async for`; `aclose` (idempotent) cancels what is left of it."""

    def __init__(self, executor: "Executor", request: SpeechRequest, sample_rate: int) -> None:
        self._executor = executor
        self.request = request
        # Which process it was meant for, counted from 1.
        self.process_life = 0
        self.sample_rate = sample_rate
        self._events: asyncio.Queue[PcmChunk | Finished | Failed] = asyncio.Queue()
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self.is_generated = False
        self.queued_seconds = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PcmChunk:
        if self._is_over:
            raise StopAsyncIteration
        match event := await self._events.get():
            case PcmChunk():
                self.queued_seconds -= len(event.samples) / self.sample_rate
                return event
            case Failed(message=message):
                self._is_over = True
                raise EngineFailed(message)
            case _:
                self._is_over = True
                raise StopAsyncIteration

    async def aclose(self) -> None:
        self.cancel()

    def cancel(self) -> None:
        """End the iteration here, and the generation within one engine step."""
        self._is_over = True
        self._executor.cancel(self)
        self._events.put_nowait(Finished(self.request.request_id, cancelled=True))  # for who waits in __anext__

    def touch(self) -> None:
        """For the executor: the engine has the request, or has been heard."""
        self.heard_at = self._loop.time()

    def put(self, event: PcmChunk | Finished | Failed) -> None:
        """For the executor: one more event, on the event loop."""
        if isinstance(event, PcmChunk):
            self.queued_seconds += len(event.samples) / self.sample_rate
        else:
            self.is_generated = True
        self.touch()
        self._events.put_nowait(event)


class Executor:
    """At most `max_running` generations at once; at most `max_waiting` requests in line, first come first served.

    All methods but `start` and `stop` belong to the event loop.
    """

    def __init__(self, spec: EngineSpec, *, max_running: int, max_waiting: int, silence_limit: float = 60.0) -> None:
        self._process = EngineProcess(spec, on_frame=self._hand_over, on_lost=self._hand_over_loss)
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._silence_limit = silence_limit
        self._watch: asyncio.TimerHandle | None = None
        self._running: dict[str, SpeechStream] = {}
        self._waiting: deque[SpeechStream] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the engine's process; returns at once."""
        self._process.start()

    def stop(self) -> None:
        """End the engine's process. Blocks for a few seconds at most; call it from a thread."""
        self._process.stop()

    @property
    def status(self) -> ExecutorStatus:
        process = self._process
        info, error = process.info, process.error
        return ExecutorStatus(process.state, info, error, process.restarts, len(self._running), len(self._waiting))

    @property
    def engine_pid(self) -> int | None:
        return self._process.pid

    def speak(self, request: SpeechRequest, *, continues: bool = False) -> SpeechStream:
        """Put the utterance in line. Raises EngineUnavailable and Overloaded.

        What `continues` a speech that has begun is not refused in the middle of it, however long the line: a connection
        has one utterance in line at most, so the number of connections bounds these.
        """
        info = self._process.info
        if self._process.state is not EngineState.READY or info is None:
            raise EngineUnavailable("The speech engine is not ready; try again shortly.")
        is_full = len(self._running) >= self._max_running and len(self._waiting) >= self._max_waiting
        if is_full and not continues:
            raise Overloaded(f"{len(self._waiting)} utterances are waiting already; try again later.")
        self._loop = asyncio.get_running_loop()
        stream = SpeechStream(self, request, info.sample_rate)
        stream.process_life = self._process.lives
        self._waiting.append(stream)
        self._admit()
        return stream

    def cancel(self, stream: SpeechStream) -> None:
        """Take the utterance out of the line, or tell the engine to drop it. Its slot is free when the engine says so."""
        if stream in self._waiting:
            self._waiting.remove(stream)
        elif self._running.get(stream.request.request_id) is stream and not stream.is_generated:
            self._process.send(Cancel(stream.request.request_id))

    def _admit(self) -> None:
        while self._waiting and len(self._running) < self._max_running:
            stream = self._waiting.popleft()
            try:
                self._process.send(stream.request)
            except Exception as error:
                logger.exception("A request cannot be sent to the engine")
                stream.put(Failed(stream.request.request_id, f"The request cannot be sent to the engine: {error}"))
                continue
            self._running[stream.request.request_id] = stream
            stream.touch()
        self._set_watch()

    def _set_watch(self) -> None:
        """Whoever listens or has left: a slot whose engine is silent for too long is not lost for ever."""
        if self._loop is None or self._watch or not self._running:
            return
        oldest = min(stream.heard_at for stream in self._running.values())
        self._watch = self._loop.call_at(oldest + self._silence_limit, self._look)

    def _look(self) -> None:
        self._watch = None
        oldest = min((stream.heard_at for stream in self._running.values()), default=None)
        if self._loop and oldest is not None and self._loop.time() - oldest >= self._silence_limit:
            logger.error("The engine has been silent for %g s; killing its process", self._silence_limit)
            self._process.kill()
            # Its end is reported like any other's, and ends these streams.
            return
        self._set_watch()

    # From the engine's reading thread to the event loop.

    def _hand_over(self, frame: Frame) -> None:
        self._on_loop(self._receive, frame)

    def _hand_over_loss(self, life: int) -> None:
        self._on_loop(self._lose, life)

    def _on_loop(self, function: Callable[..., None], *arguments: Frame | int) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            logger.debug("The event loop closed before the engine's last word")

    def _receive(self, frame: Frame) -> None:
        match frame:
            case PcmChunk(request_id=request_id) if stream := self._running.get(request_id):
                stream.put(frame)
            case Finished() | Failed():
                if stream := self._running.pop(frame.request_id, None):
                    stream.put(frame)
                self._admit()

    def _lose(self, life: int) -> None:
        """A process ended: everybody who was in it or waiting for it is told."""
        lost = [stream for stream in (*self._running.values(), *self._waiting) if stream.process_life <= life]
        for stream in lost:
            if stream in self._waiting:
                self._waiting.remove(stream)
            self._running.pop(stream.request.request_id, None)
            stream.put(Failed(stream.request.request_id, "The speech engine stopped unexpectedly."))
        self._admit()
