"""A database, a Redis or a storage that is down is one line of the log, wherever in the code it was met: what has happened,
what that means, and what to do. The traceback would say no more, thousands of times. What may be a mistake keeps it.
"""

import logging
from asyncio import CancelledError
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

from streaming.logs.repetitions import OUTAGE

DATABASE = "Speech that needs nothing of it goes on. Check that the database runs and that DATABASE_URL leads to it"
REDIS = "Forward mode and shared limits wait for it. Check that Redis runs and that REDIS_URL leads to it"
STORAGE = "Recordings cannot be read or stored. Check the storage and the section `storage` of the settings"
# By the name of its module: these packages are imported only where they are used.
_PACKAGES = {"redis": ("Redis does not answer", REDIS), "botocore": ("The storage does not answer", STORAGE)}
# What SQLite calls OperationalError, and is a mistake: a wrong statement (a missing table or column, too many variables),
# misuse, a wrong number of values.
_SQLITE_MISTAKES = frozenset({1, 21, 25})
# PostgreSQL's class of transactions that were rolled back for another one: deadlocks.
_ROLLED_BACK = "40"
_OUTAGES = ("ConnectionError", "TimeoutError", "BusyLoadingError", "EndpointConnectionError", "ConnectTimeoutError")
# The channel layer in Redis. Two of its coroutines share a connection; when it breaks, both connect again at the same time,
# and one of them raises one of these, with these words.
_LAYER = "channels_redis"
_BROKEN_UNDER_TWO = {
    RuntimeError: "while another coroutine is already waiting",
    AttributeError: "'NoneType' object has no",
}


class OutageFilter(logging.Filter):
    """For a handler whose formatter is one of `streaming.logs.formats`: it writes a record whose cause is an outage as one
    line. The record keeps its message and its error for other handlers. Whoever was cancelled while he left the channel
    layer is omitted: who cancels knows it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        is_of_layer = record.name.partition(".")[0] == _LAYER
        if is_of_layer and isinstance(error, CancelledError):
            return False
        found = outage_of(error) if error else None
        if is_of_layer and (words := _BROKEN_UNDER_TWO.get(type(error))) and words in str(error):
            found = f"{_PACKAGES['redis'][0]} ({error})", REDIS
        if found:
            what, advice = found
            setattr(record, OUTAGE, f"{record.getMessage().rstrip('.:')}: {what}. {advice}")
        return True


def outage_of(error: BaseException) -> tuple[str, str] | None:
    """What has happened, and what that means; None if it is something else."""
    for cause in _causes(error):
        words = " ".join(str(cause).split()).rstrip(".")
        if isinstance(cause, OperationalError | InterfaceError) and not _is_mistake(cause):
            return f"The database does not answer ({words})", DATABASE
        kind = type(cause)
        found = _PACKAGES.get(kind.__module__.partition(".")[0])
        if found and kind.__name__ in _OUTAGES:
            return f"{found[0]} ({words})", found[1]
    return None


def _is_mistake(error: BaseException) -> bool:
    """What the driver has raised says more than Django's error."""
    driver = error.__cause__
    sqlite_code = getattr(driver, "sqlite_errorcode", None)
    if sqlite_code is not None and sqlite_code & 0xFF in _SQLITE_MISTAKES:
        return True
    return str(getattr(driver, "sqlstate", None) or "").startswith(_ROLLED_BACK)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from. What is raised while another error is handled may be any mistake."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__
