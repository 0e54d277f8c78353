"""The jobs of an engine, seen from the server: a stream of audio, or the conditioning of a voice."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk, Prepare, Prepared, SpeechRequest
from streaming.errors import EngineFailed, SpeechError, TextRefused

if TYPE_CHECKING:
    from streaming.dispatch.expected_text import ExpectedText


class Canceller(Protocol):
    def cancel(self, job: "Job") -> None: ...


class Job:
    """One request, in line or in an engine's process. `heard_at`: when the engine last said something about it, on the
    event loop's clock; `asked_at`, `sent_at`, `ended_at`: when it came into the line, when it left it, when its last event
    came. `process_life`: which life of the process it was sent to, counted from 1."""

    def __init__(self, request: SpeechRequest | Prepare) -> None:
        self.frame = request
        self.request_id = request.request_id
        self.process_life = 0
        self._loop = asyncio.get_running_loop()
        self.asked_at = self.heard_at = self._loop.time()
        self.sent_at: float | None = None
        self.ended_at: float | None = None

    @property
    def queue_seconds(self) -> float:
        """How long it has waited in line."""
        return (self._loop.time() if self.sent_at is None else self.sent_at) - self.asked_at

    @property
    def engine_seconds(self) -> float:
        """For how long an engine has had it."""
        if self.sent_at is None:
            return 0.0
        return (self._loop.time() if self.ended_at is None else self.ended_at) - self.sent_at

    def leave_line(self) -> None:
        """It is sent to an engine now."""
        self.sent_at = self.heard_at = self._loop.time()

    def touch(self) -> None:
        self.heard_at = self._loop.time()

    def put(self, event: EngineEvent | SpeechError, came_at: float | None = None) -> None:
        """One more event, on the event loop. `came_at`: when it came from the engine, if that was before now."""
        self.touch()

    def fail(self, error: SpeechError) -> None:
        """The last event, from the server: who waits for the job is told this."""
        self.put(error)


@dataclass(frozen=True, slots=True)
class Place:
    """Which client an utterance belongs to, and to which of its streams: a higher number is a newer stream."""

    client: object
    stream_number: int = 0


class SpeechStream(Job):
    """The chunks of one utterance, in order. Use as `async for`; `aclose` (idempotent) cancels what is left of it.
    `was_awaited`: the last chunk was not there yet when it was asked for; `came_at`: when it came. `continues`: it is not
    the first of its speech. `goes_on`: nor is it the last, for all that is known."""

    def __init__(
        self,
        executor: Canceller,
        request: SpeechRequest,
        sample_rate: int,
        place: Place | None = None,
        expected: "ExpectedText | None" = None,
        *,
        continues: bool = False,
    ) -> None:
        super().__init__(request)
        self.continues = continues
        self.goes_on = False
        self.is_cancelled = False
        self.expected = expected
        self._executor = executor
        # Without a place, every utterance counts as a client of its own.
        self.place = place or Place(object())
        self.sample_rate = sample_rate
        self._events: asyncio.Queue[tuple[float, EngineEvent | SpeechError]] = asyncio.Queue()
        self._is_over = False
        self.was_awaited = False
        self.came_at = 0.0
        self.is_generated = False
        self.queued_seconds = 0.0
        self.made_seconds = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PcmChunk:
        if self._is_over:
            raise StopAsyncIteration
        self.was_awaited = self._events.empty()
        self.came_at, event = await self._events.get()
        match event:
            case PcmChunk():
                self.queued_seconds -= len(event.samples) / self.sample_rate
                return event
            case SpeechError():
                self._is_over = True
                raise event
            case Failed(message=message, is_text=is_text):
                self._is_over = True
                raise TextRefused(message) if is_text else EngineFailed(message)
            case _:
                self._is_over = True
                raise StopAsyncIteration

    async def aclose(self) -> None:
        self.cancel()

    def cancel(self) -> None:
        """End the iteration here, and the generation within one engine step."""
        self._is_over = self.is_cancelled = True
        self._executor.cancel(self)
        # Releases a reader that waits in __anext__.
        self._events.put_nowait((self._loop.time(), Finished(self.request_id, cancelled=True)))

    def put(self, event: EngineEvent | SpeechError, came_at: float | None = None) -> None:
        super().put(event)
        if isinstance(event, PcmChunk):
            seconds = len(event.samples) / self.sample_rate
            self.queued_seconds += seconds
            self.made_seconds += seconds
        else:
            self.is_generated = True
            self.ended_at = self.heard_at
        self._events.put_nowait((self._loop.time() if came_at is None else came_at, event))


class Preparation(Job):
    """One voice's conditioning in the making."""

    def __init__(self, request: Prepare) -> None:
        super().__init__(request)
        self._outcome: asyncio.Future[EngineEvent | SpeechError] = self._loop.create_future()

    def put(self, event: EngineEvent | SpeechError, came_at: float | None = None) -> None:
        super().put(event)
        if not self._outcome.done():
            self._outcome.set_result(event)

    async def result(self) -> bytes:
        """The conditioning. Raises EngineFailed and EngineUnavailable."""
        match outcome := await self._outcome:
            case Prepared(conditioning=conditioning):
                return conditioning
            case SpeechError():
                raise outcome
            case Failed(message=message):
                raise EngineFailed(message)
            case _:
                raise EngineFailed("The speech engine did not prepare the voice.")
