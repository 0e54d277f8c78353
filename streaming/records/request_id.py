"""The name of a socket or of a request, in its answer and in each line of the log that it causes."""

import re
import uuid
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
