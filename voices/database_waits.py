"""How long a thread waits for the database, at most.

A lock that somebody else holds, a server that is stopped or unreachable: Django's connections wait for these without an end
(PostgreSQL), or for as long as the settings say (SQLite). A server of speech has to answer meanwhile, and to end when it is
told to.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any
from weakref import ref

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from voices.patience import DatabaseSlow, waiting

# Of the seconds that a thread waits, those in which it waits for a lock: then the database itself gives up, and keeps the
# connection.
LOCK_SHARE = 0.75
# A connection is not begun with less than this share of them: the driver waits for it for 2 s, whatever it is told.
CONNECT_SHARE = 0.75

# After a wait in which the database has said nothing, nobody else waits for it for so long.
SILENCE_SECONDS = 1.0


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
    elif connection.vendor == "sqlite":
        if not any(isinstance(each, _SqliteWaits) for each in connection.execute_wrappers):
            # The first, because whoever adds one for a while takes the last away.
            connection.execute_wrappers.insert(0, _SqliteWaits())
        if limit is not None:
            _set_busy_timeout(connection, LOCK_SHARE * limit)


connection_created.connect(_limit_new)


class _SqliteWaits:
    """Each statement of a connection of SQLite: it waits for a lock no longer than the request has time for."""

    def __init__(self) -> None:
        self._is_hurried = False

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        with waiting() as end:
            if end < inf or self._is_hurried:
                connection: BaseDatabaseWrapper = context["connection"]
                _set_busy_timeout(connection, min(_lock_seconds(connection), end - time.monotonic()))
                self._is_hurried = end < inf
            return execute(sql, params, many, context)


def _lock_seconds(connection: BaseDatabaseWrapper) -> float:
    """How long SQLite waits for a lock where nobody is in a hurry."""
    limit = _limit()
    return float(connection.settings_dict["OPTIONS"].get("timeout", 5.0)) if limit is None else LOCK_SHARE * limit


def _set_busy_timeout(connection: BaseDatabaseWrapper, seconds: float) -> None:
    connection.connection.execute(f"PRAGMA busy_timeout = {max(0.0, seconds) * 1000:.0f}").close()


def connect_in_time(connection: BaseDatabaseWrapper) -> None:
    """When this connection is made, that takes the request's time for the database as well."""
    wrapper = ref(connection)  # connections that are not closed are to end with what refers to them

    def connect() -> None:
        there = wrapper()
        if there is None:
            return
        with waiting() as end:
            if end - time.monotonic() < CONNECT_SHARE * (_limit() or 0.0):
                raise DatabaseSlow("The database is too slow for another connection to it.")
            type(there).connect(there)

    vars(connection)["connect"] = connect


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
        own_end = inf if limit is None else time.monotonic() + limit
        try:
            with waiting() as end:
                end = min(end, own_end)
                return wait(driver(), steps if end == inf else _until(end, steps), *args, **kwargs)
        except DatabaseSlow:
            if time.monotonic() >= own_end:
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
