"""What went wrong with a request, as each API words it: the status, the code for programs, the sentence for people."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from streaming.access.refusals import Refused
from streaming.dispatch.executor import EngineUnavailable, Overloaded, SpeechError
from streaming.protocol import errors
from streaming.protocol.errors import Fault, ProtocolError
from streaming.speech.dictionaries import UnknownDictionary
from streaming.speech.language import UnknownLanguage
from voices.conditioning import RecordingsUnusable

logger = logging.getLogger("streaming.http")

# Clients of both APIs wait as long as this says before they try again.
RETRY_SECONDS = 1
# The OpenAI API's own words for kinds of errors, by status; everything else is the server's fault.
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    **dict.fromkeys((400, 404, 405, 413, 414, 422, 431), "invalid_request_error"),
}


# The first that fits.
_STATUSES: tuple[tuple[type[Exception], HTTPStatus, Fault], ...] = (
    (UnknownDictionary, HTTPStatus.NOT_FOUND, errors.UNKNOWN_DICTIONARY),
    (Overloaded, HTTPStatus.TOO_MANY_REQUESTS, errors.OVERLOADED),
    (EngineUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, errors.ENGINE_UNAVAILABLE),
    (UnknownLanguage, HTTPStatus.INTERNAL_SERVER_ERROR, errors.INTERNAL_ERROR),
    (RecordingsUnusable, HTTPStatus.INTERNAL_SERVER_ERROR, errors.INTERNAL_ERROR),
    (SpeechError, HTTPStatus.INTERNAL_SERVER_ERROR, errors.ENGINE_FAILED),
)
_PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


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

    def in_the_vendors_words(self) -> dict[str, Any]:
        """wire.md 3.5: `status` is the older name of `code`, and clients read either."""
        detail = {"status": self.code, "code": self.code, "message": self.message}
        return {"detail": detail | ({"param": self.param} if self.param else {})}

    def in_openais_words(self) -> dict[str, Any]:
        kind = _OPENAI_TYPES.get(self.status, "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def not_found(path: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not_found", f"There is nothing at {path!r:.200}.")


def voice_not_found(voice_id: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, errors.VOICE_NOT_FOUND, f"There is no voice {voice_id!r:.100} here.")


def database_lost() -> Problem:
    """For where the database's error is caught."""
    logger.exception("The database does not answer")
    message = "The server's database does not answer; try again later."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, errors.INTERNAL_ERROR.code, message)


def busy(message: str) -> Problem:
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, errors.OVERLOADED.code, message, headers=_retry())


def problem_of(error: Exception) -> Problem:
    """The problem that ends a request for this reason. What nobody expected is logged."""
    message = str(error)
    match error:
        case Problem():
            return error
        case Refused():
            headers = _retry(error.retry_after) if error.retry_after else {}
            return Problem(error.status, error.code, message, headers=headers)
        case ProtocolError(code=code):
            return Problem(HTTPStatus.BAD_REQUEST, code, message)
    for kind, status, fault in _STATUSES:
        if isinstance(error, kind):
            return Problem(status, fault.code, message, headers=_retry() if status in _PASSING else {})
    logger.error("A request failed", exc_info=error)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, errors.INTERNAL_ERROR.code, errors.INTERNAL_ERROR.message)


def _retry(seconds: int = RETRY_SECONDS) -> dict[str, str]:
    return {"Retry-After": str(seconds)}
