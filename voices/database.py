"""How an event loop uses the database apart from a request, without holding up others, and without waiting for ever.

Each kind of work has threads of its own: what waits for a lock or for a database that is stopped holds up nothing else.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from voices.daemon_threads import DaemonThreads, TooMuchWork
from voices.database_waits import SILENCE, waiting_at_most
from voices.patience import DatabaseSlow, in_time, one_patience

logger = logging.getLogger("voices.database")

# How long whoever asks waits for the answer, at most; a request, for all that it asks. `answer_within` changes it.
_answer_seconds = 2.5
# Of these, how much one wait of a thread may take: the thread is to be back before nobody waits for it any more.
WAIT_SHARE = 0.8

_P = ParamSpec("_P")
_T = TypeVar("_T")


def answer_within(seconds: float) -> None:
    """Before the first call."""
    global _answer_seconds
    _answer_seconds = seconds


def as_long_as_allowed() -> AbstractContextManager[None]:
    """In this thread, the database is waited for no longer than somebody waits for the answer."""
    return waiting_at_most(WAIT_SHARE * _answer_seconds)


def asked_together() -> AbstractContextManager[None]:
    """What is asked in here, by one request, takes no longer in all than one question may."""
    return one_patience(_answer_seconds)


def _threads(name: str, threads: int) -> dict[str, Any]:
    """Options of `sync_to_async`."""
    return {
        "thread_sensitive": False,
        "executor": DaemonThreads(f"database-{name}", threads, within=as_long_as_allowed),
    }


# Where it is used.
READERS = _threads("reader", 4)
WRITERS = _threads("writer", 4)
# Those that count what is used wait for each other's rows.
SPENDERS = _threads("spender", 4)
BOOKKEEPERS = _threads("bookkeeper", 1)
# The one that looks for changes, time after time.
WATCHERS = _threads("watcher", 1)
# Those that store a file and write the row that names it.
FILERS = _threads("filer", 4)


async def read(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on a thread that only reads. (A request has a thread of its own, whose connection would stay open as long as
    the response goes on.) Raises DatabaseSlow when there is no answer in time."""
    return await _answer(READERS, function, *args, **kwargs)


async def watch(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Like `read`, for what looks for changes time after time: it does not wait for those who ask because of requests."""
    return await _answer(WATCHERS, function, *args, **kwargs)


async def write(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on a thread that does nothing but write: a writer that waits for a lock holds up other writers only. Raises
    DatabaseSlow when there is no answer in time; it may still be written then."""
    return await _answer(WRITERS, function, *args, **kwargs)


async def spend(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Like `write`, for what is charged at once."""
    return await _answer(SPENDERS, function, *args, **kwargs)


async def keep_books(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on the one thread for what nobody waits for. Each wait of it is limited, the whole is not: who calls learns
    whether it is written."""
    return await database_sync_to_async(function, **BOOKKEEPERS)(*args, **kwargs)


async def write_with_file(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on a thread that stores files as well: it comes to its end, also when whoever calls is cancelled.
    Each wait for the database is limited, the whole is not."""
    return await database_sync_to_async(function, **FILERS)(*args, **kwargs)


async def _answer(threads: dict[str, Any], function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    SILENCE.check()
    try:
        async with in_time(_answer_seconds):
            answer = await database_sync_to_async(function, **threads)(*args, **kwargs)
    except TooMuchWork as error:
        slow = DatabaseSlow(str(error))
        _log(slow)
        raise slow from None
    except DatabaseError as error:
        if type(error.__cause__).__name__ == "ConnectionTimeout":
            SILENCE.begin()
        _log(error)
        raise
    SILENCE.end()
    return answer


def _log(error: DatabaseError) -> None:
    """What is wrong with the database is one line; what is wrong with a question to it is more. The details name addresses:
    they are for the log only."""
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("The database does not answer: %s", " ".join(str(error).split()))
    else:
        logger.error("A question to the database failed", exc_info=error)
