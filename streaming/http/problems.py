"""Errors of requests in the format of each API: status, code for programs, message for people."""

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from streaming import errors
from streaming.errors import Fault, fault_of

logger = logging.getLogger("streaming.http")

# OpenAI's names for kinds of errors, by status; all others are server errors.
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    **dict.fromkeys((400, 404, 405, 413, 414, 422, 431), "invalid_request_error"),
}
POSTGRESQL_DISK_FULL = "53100"


@dataclass(eq=False)
class Problem(Exception):
    """Ends a request with this status. `param`: what of the request is wrong, if it is one thing."""

    status: int
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    def in_elevenlabs_words(self, request_id: str = "") -> dict[str, Any]:
        """`status` is the older name of `code`, and clients read either (docs/http.md, What errors must have)."""
        detail = {"status": self.code, "code": self.code, "message": self.message}
        return {"detail": detail | ({"param": self.param} if self.param else {}) | _named(request_id)}

    def in_openais_words(self, request_id: str = "") -> dict[str, Any]:
        kind = _OPENAI_TYPES.get(self.status, "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error | _named(request_id)}


def _named(request_id: str) -> dict[str, str]:
    return {"request_id": request_id} if request_id else {}


def not_found(path: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not_found", f"The path {path!r:.200} does not exist.")


def voice_not_found(voice_id: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, errors.VOICE_NOT_FOUND, errors.unknown_voice(voice_id))


def database_lost(error: DatabaseError) -> Problem:
    """The details name addresses and tables: they are for the log only."""
    if _says_that_the_disk_is_full(error):
        logger.error("The disk of the database is full")
        return _problem(errors.STORAGE_FULL)
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("The database does not answer: %s", " ".join(str(error).split()))
        return _problem(errors.DATABASE_UNAVAILABLE)
    logger.error("A question to the database failed", exc_info=error)
    return _problem(errors.INTERNAL_ERROR)


def _says_that_the_disk_is_full(error: DatabaseError) -> bool:
    """In the words of SQLite or PostgreSQL."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == POSTGRESQL_DISK_FULL


def busy(message: str) -> Problem:
    return _problem(errors.OVERLOADED.because(message))


def problem_of(error: Exception) -> Problem:
    """The problem that ends a request for this reason."""
    if isinstance(error, DatabaseError):
        return database_lost(error)
    return error if isinstance(error, Problem) else _problem(fault_of(error))


def _problem(fault: Fault) -> Problem:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Problem(fault.status, fault.code, fault.message, headers=headers)
