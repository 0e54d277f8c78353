"""How long a thread waits for the database, at most.

A lock that somebody else holds, a server that is stopped or unreachable: Django's connections wait for these without an end
(PostgreSQL), or for as long as the settings say (SQLite). A server of speech has to answer meanwhile, and to end when it is
told to.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# Of the seconds that a thread waits, those in which it waits for a lock: then the database itself gives up, and keeps the
# connection.
LOCK_SHARE = 0.75


# After a wait in which the database has said nothing, nobody else waits for it for so long.
SILENCE_SECONDS = 1.0


class DatabaseSlow(OperationalError):
    """It has not answered in time."""


class Silence:
    """Whether the database has just been silent: then nobody else waits to learn that it is. One finds out again, after a
    moment. Any thread may call."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """Somebody has waited in vain."""
        self._until = time.monotonic() + SILENCE_SECONDS

    def end(self) -> None:
        """It has answered."""
        self._until = 0.0

    def check(self) -> None:
        """Raises DatabaseSlow, but for who is to find out."""
        now = time.monotonic()
        if now < self._until:
            raise DatabaseSlow("The database did not answer a moment ago.")
        if self._until:
            self._until = now + SILENCE_SECONDS


SILENCE = Silence()


class _Limits(threading.local):
    seconds: float | None = None


_here = _Limits()
# Of threads that have no limit of their own.
_everywhere: float | None = None


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """In this thread, no single wait for the database takes longer; what does raises django.db.OperationalError."""
    before, _here.seconds = _here.seconds, seconds
    try:
        yield
    finally:
        _here.seconds = before


def wait_at_most(seconds: float) -> None:
    """In every thread of this process that does not say something else."""
    global _everywhere
    _everywhere = seconds


def _limit() -> float | None:
    return _everywhere if _here.seconds is None else _here.seconds


def _limit_new(connection: BaseDatabaseWrapper, **_: Any) -> None:
    limit = _limit()
    if connection.vendor == "postgresql":
        _limit_waits(connection)
        if limit is not None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {LOCK_SHARE * limit * 1000:.0f}")
    elif connection.vendor == "sqlite" and limit is not None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_SHARE * limit * 1000:.0f}")


connection_created.connect(_limit_new)


def _limit_waits(connection: BaseDatabaseWrapper) -> None:
    """Each wait of a connection of psycopg 3 is a generator that is asked again every tenth of a second. (The connection of
    psycopg 2 has no such method, and is left as it is.)"""
    wait: Callable[..., Any] | None = getattr(type(connection.connection), "wait", None)
    if wait is None:
        return
    # Connections that are not closed are to end with what refers to them.
    driver, wrapper = ref(connection.connection), ref(connection)

    def limited(steps: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        limit = _limit()
        if limit is None:
            return wait(driver(), steps, *args, **kwargs)
        try:
            return wait(driver(), _until(time.monotonic() + limit, steps), *args, **kwargs)
        except DatabaseSlow:
            SILENCE.begin()
            _give_up(driver(), wrapper())
            raise

    connection.connection.wait = limited


def _give_up(driver: Any, wrapper: BaseDatabaseWrapper | None) -> None:
    """An answer that comes later would be taken for that to another question."""
    if driver is not None:
        driver.close()
    if wrapper is not None:
        wrapper.errors_occurred = True


def _until(end: float, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The same steps, and DatabaseSlow when nothing has come until `end`."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > end:
                raise DatabaseSlow("The database has not answered in time.")
            wanted = steps.send(ready)
    except StopIteration as done:
        return done.value
    finally:
        steps.close()
