"""How long one request waits for the database in all.

It asks several times: whose key it is, which voice, what has been spent. Each question has a limit of its own, which begins
anew with the next one: a database that is slow, but answers, would take it again and again. So the questions of one request
share one time. It passes only while something is asked; what an engine takes meanwhile is not the database's.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from math import inf

from django.db import OperationalError


class DatabaseSlow(OperationalError):
    """It has not answered in time."""


class Patience:
    """Of one request. What is asked at the same time counts once. Any thread may call."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = seconds
        self._waiting = 0
        self._since = 0.0
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether the request is answered: what is asked from then on has time of its own."""
        return self._left == inf

    def let_go(self) -> None:
        self._left = inf

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Until when it may last, by the clock. Raises DatabaseSlow if no time is left."""
        end = self._begin()
        try:
            yield end
        finally:
            self._end()

    def _begin(self) -> float:
        with self._lock:
            now = self._clock()
            since = self._since if self._waiting else now
            end = since + self._left
            if end <= now:
                raise DatabaseSlow("The database has taken all the time that this request had for it.")
            self._since = since
            self._waiting += 1
            return end

    def _end(self) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self._left -= self._clock() - self._since


_present: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def one_patience(seconds: float) -> Iterator[None]:
    """All that is asked of the database in here, by this task and by what it starts, shares these seconds. Within another
    one, it is that one's time."""
    outer = _present.get()
    if outer and not outer.is_over:
        yield
        return
    patience = Patience(seconds)
    token = _present.set(patience)
    try:
        yield
    finally:
        patience.let_go()
        _present.reset(token)


@contextmanager
def for_nobody() -> Iterator[None]:
    """What is asked in here is asked on nobody's time."""
    token = _present.set(None)
    try:
        yield
    finally:
        _present.reset(token)


@contextmanager
def waiting() -> Iterator[float]:
    """While the database is asked. Until when that may last, by time.monotonic(). Raises DatabaseSlow."""
    patience = _present.get()
    if patience is None:
        yield inf
        return
    with patience.waiting() as end:
        yield end


@asynccontextmanager
async def in_time(at_most: float = inf) -> AsyncIterator[None]:
    """What is awaited in here is given up then, or when the request has no more time for the database. Raises
    DatabaseSlow."""
    with waiting() as end:
        seconds = min(at_most, end - time.monotonic())
        try:
            async with asyncio.timeout(None if seconds == inf else seconds):
                yield
        except TimeoutError:
            raise DatabaseSlow(f"The database has not answered in {seconds:.1f} s.") from None
