"""The name of a socket or of a request, in its answer and in each line of the log that it causes."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# In the scope of a socket or of a request.
REQUEST_ID_KEY = "streaming.request_id"
# Where a proxy's own id can begin no line of a log, and is no longer than ours twice.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

current_request_id: ContextVar[str] = ContextVar("request_id", default="")


def new_request_id() -> str:
    return uuid.uuid4().hex


def is_well_formed(request_id: str) -> bool:
    return _WELL_FORMED.fullmatch(request_id) is not None


def request_id_of(scope: Any) -> str:
    """A new one for a scope that has none, outside of our server application."""
    return str(scope.get(REQUEST_ID_KEY) or new_request_id())


def utterance_id() -> str:
    """A new name for what an engine is asked for on behalf of the present request."""
    return f"{current_request_id.get() or new_request_id()}:{uuid.uuid4().hex[:12]}"


def request_of(utterance: str) -> str:
    """Whose it is."""
    return utterance.partition(":")[0]


@contextmanager
def working_for(utterance: str) -> Iterator[None]:
    """What is logged within is logged for its request."""
    token = current_request_id.set(request_of(utterance))
    try:
        yield
    finally:
        current_request_id.reset(token)
