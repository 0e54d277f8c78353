"""All that speaks on one connection: a speaker, in a task of its own, for each of its streams."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streaming.protocol.context import TurnEnd, Utterance
from streaming.speech.speaker import Speaker


@dataclass(frozen=True, slots=True)
class _Running:
    task: "asyncio.Task[None]"
    speaker: Speaker | None


class Speakers:
    """`make` gives a stream its speaker. `on_failure` is told what ended the work for a stream early; it runs in the task
    that has failed."""

    def __init__(self, make: Callable[[int], Speaker], on_failure: Callable[[Exception, int], Awaitable[None]]) -> None:
        self._make = make
        self._on_failure = on_failure
        self._running: dict[int, _Running] = {}

    def put(self, item: Utterance | TurnEnd, stream: int) -> None:
        """Have it spoken behind what its stream has to say already."""
        running = self._running.get(stream)
        if running is None:
            speaker = self._make(stream)
            running = self.start(stream, speaker.run, speaker)
        if running.speaker:
            running.speaker.put(item)

    def start(self, stream: int, work: Callable[[], Awaitable[None]], speaker: Speaker | None = None) -> _Running:
        """Let `work` be what is done for the stream."""
        running = _Running(asyncio.create_task(self._guard(work, stream)), speaker)
        self._running[stream] = running
        return running

    def stop(self, stream: int) -> None:
        """Cancel what is left of the stream, and free its slot within one step of the engine."""
        if running := self._running.pop(stream, None):
            if running.speaker:
                running.speaker.close()
            # It may be this very task, which has just reported its last word and ends by itself.
            if running.task is not asyncio.current_task():
                running.task.cancel()

    def stop_all(self) -> None:
        for stream in list(self._running):
            self.stop(stream)

    async def _guard(self, work: Callable[[], Awaitable[None]], stream: int) -> None:
        try:
            await work()
        except Exception as error:
            await self._on_failure(error, stream)
