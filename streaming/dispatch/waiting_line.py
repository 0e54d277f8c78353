"""What waits for an engine: utterances, and voices to be prepared; and for how long it may while there is none."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import chain

from streaming.dispatch.jobs import Job, Preparation, SpeechStream
from streaming.errors import SpeechError


class WaitingLine:
    """First come, first served. But a client's newest streams take the first of the places that the client has in line."""

    def __init__(self) -> None:
        self.streams: deque[SpeechStream] = deque()
        self.preparations: deque[Preparation] = deque()

    def __bool__(self) -> bool:
        return bool(self.streams or self.preparations)

    def add(self, stream: SpeechStream) -> None:
        self.streams.append(stream)
        places = [index for index, waiting in enumerate(self.streams) if waiting.place.client is stream.place.client]
        newest_first = sorted(
            (self.streams[index] for index in places), key=lambda waiting: -waiting.place.stream_number
        )
        for index, waiting in zip(places, newest_first, strict=True):
            self.streams[index] = waiting

    def first(self, may_begin: Callable[[], bool]) -> SpeechStream | None:
        """The first that may be spoken now: speeches that have begun go on, whether or not more `may_begin`."""
        first = self.streams[0] if self.streams else None
        if first is None or first.continues or may_begin():
            return first
        return next((stream for stream in self.streams if stream.continues), None)

    def remove(self, job: Job) -> None:
        """Take the job out, if it is in here. An engine that expects its text forgets that."""
        if isinstance(job, SpeechStream) and job in self.streams:
            self.streams.remove(job)
            if job.expected:
                job.expected.drop()
        elif isinstance(job, Preparation) and job in self.preparations:
            self.preparations.remove(job)

    def fail_all(self, make_error: Callable[[], SpeechError]) -> None:
        failed = [*chain(self.streams, self.preparations)]
        self.streams.clear()
        self.preparations.clear()
        for job in failed:
            job.fail(make_error())


class Outage:
    """The time in which no engine is ready. `on_too_long` is called once it has lasted for `limit` seconds."""

    def __init__(self, limit: float, on_too_long: Callable[[], None]) -> None:
        self._limit = limit
        self._on_too_long = on_too_long
        self._timer: asyncio.TimerHandle | None = None
        self.is_too_long = False

    def begin(self) -> None:
        """There is no engine; maybe there was none before."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._limit, self._end_patience)

    def end(self) -> None:
        """There is one."""
        if self._timer:
            self._timer.cancel()
        self._timer, self.is_too_long = None, False

    def _end_patience(self) -> None:
        self.is_too_long = True
        self._on_too_long()
