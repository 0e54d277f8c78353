"""The tasks of one connection: each of its streams is spoken, or forwarded, in a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streaming.protocol.context import TurnEnd, Utterance
from streaming.speech.speaker import Speaker


@dataclass(frozen=True, slots=True)
class _Running:
    task: "asyncio.Task[None]"
    speaker: Speaker | None


class StreamTasks:
    """`make_speaker` makes the speaker of the stream with that number. `on_failure` is told which error ended the work for
    a stream; it runs in the task that has failed."""

    def __init__(
        self, make_speaker: Callable[[int], Speaker], on_failure: Callable[[Exception, int], Awaitable[None]]
    ) -> None:
        self._make_speaker = make_speaker
        self._on_failure = on_failure
        self._running: dict[int, _Running] = {}

    def put(self, item: Utterance | TurnEnd, stream_number: int) -> None:
        """Queue the item for its stream, whose task is started if it has none."""
        if speaker := self._speaker(stream_number):
            speaker.put(item)

    def expect(self, utterance: Utterance, stream_number: int) -> None:
        """Tell the stream's speaker what it will probably be given next."""
        if speaker := self._speaker(stream_number):
            speaker.expect(utterance)

    def _speaker(self, stream_number: int) -> Speaker | None:
        running = self._running.get(stream_number)
        if running is None:
            speaker = self._make_speaker(stream_number)
            running = self.start(stream_number, speaker.run, speaker)
        return running.speaker

    def start(
        self, stream_number: int, work: Callable[[], Awaitable[None]], speaker: Speaker | None = None
    ) -> _Running:
        """Start the stream's task, which does `work`."""
        running = _Running(asyncio.create_task(self._guard(work, stream_number)), speaker)
        self._running[stream_number] = running
        return running

    def stop(self, stream_number: int, error: str = "") -> None:
        """Cancel what is left of the stream, and free its slot within one step of the engine. `error`: the code of the error
        that ends it, if one does."""
        if running := self._running.pop(stream_number, None):
            if running.speaker:
                running.speaker.close(error)
            # This very task may have reported the end of its stream: it ends by itself.
            if running.task is not asyncio.current_task():
                running.task.cancel()

    def stop_all(self) -> None:
        for stream_number in list(self._running):
            self.stop(stream_number)

    def close(self) -> None:
        """Stop everything for good, and refer to nobody any more: the connection that makes speakers refers to this."""
        self.stop_all()
        self._make_speaker, self._on_failure = _make_none, _report_to_nobody

    async def _guard(self, work: Callable[[], Awaitable[None]], stream_number: int) -> None:
        try:
            await work()
        except Exception as error:
            await self._on_failure(error, stream_number)


def _make_none(stream_number: int) -> Speaker:
    raise RuntimeError("A connection that has ended was to speak.")


async def _report_to_nobody(error: Exception, stream_number: int) -> None:
    pass
