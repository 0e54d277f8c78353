"""A database, a Redis or a storage that is down is one line of the log, wherever in the code it was met: what has happened,
what that means, and what to do. The traceback would say no more, thousands of times.
"""

import logging
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

DATABASE = "Speech that needs nothing of it goes on. Check that the database runs and that DATABASE_URL leads to it"
REDIS = "Forward mode and shared limits wait for it. Check that Redis runs and that REDIS_URL leads to it"
STORAGE = "Recordings cannot be read or stored. Check the storage and the section `storage` of the settings"
# By the name of its module: these packages are imported only where they are used.
_PACKAGES = {"redis": ("Redis does not answer", REDIS), "botocore": ("The storage does not answer", STORAGE)}
_OUTAGES = ("ConnectionError", "TimeoutError", "BusyLoadingError", "EndpointConnectionError", "ConnectTimeoutError")


class OutageFilter(logging.Filter):
    """For a handler: takes the traceback from a record whose cause is an outage."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error and (found := outage_of(error)):
            what, advice = found
            record.msg = f"{record.getMessage().rstrip('.')}: {what}. {advice}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def outage_of(error: BaseException) -> tuple[str, str] | None:
    """What has happened, and what that means; None if it is something else."""
    for cause in _causes(error):
        words = " ".join(str(cause).split()).rstrip(".")
        if isinstance(cause, OperationalError | InterfaceError):
            return f"The database does not answer ({words})", DATABASE
        kind = type(cause)
        found = _PACKAGES.get(kind.__module__.partition(".")[0])
        if found and kind.__name__ in _OUTAGES:
            return f"{found[0]} ({words})", found[1]
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
