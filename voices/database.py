"""How an event loop uses the database apart from a request, and without holding up others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async

# Where it is used: the options of `sync_to_async`.
READERS: dict[str, Any] = {
    "thread_sensitive": False,
    "executor": ThreadPoolExecutor(max_workers=4, thread_name_prefix="database-reader"),
}
WRITERS: dict[str, Any] = {
    "thread_sensitive": False,
    "executor": ThreadPoolExecutor(max_workers=4, thread_name_prefix="database-writer"),
}

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def read(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on a thread that only reads. A request has a thread of its own, whose connection would stay open as long as
    the response goes on."""
    return await database_sync_to_async(function, **READERS)(*args, **kwargs)


async def write(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it on a thread that does nothing but write. All sockets read on one thread (Django's rule for what is sensitive
    to threads): a writer that waits there for a lock would hold all of them up."""
    return await database_sync_to_async(function, **WRITERS)(*args, **kwargs)
