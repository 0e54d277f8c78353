"""Everything that can go wrong while speaking, and the one table: error -> code, HTTP status, close code.

Whose fault is it? A `ProtocolError` is the client's. A `Refused` client may not do what it asks for. Every
other `SpeechError` is the server's fault, or its surroundings'. What clients are told of an error is a `Fault`.
"""

import errno
import logging
import math
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Self

_NAME = re.compile("[a-z0-9_]+")
logger = logging.getLogger("streaming.errors")

# The names on the wire of what clients do wrong: ElevenLabs' own where it has one.
INVALID_MESSAGE = "invalid_input_message"
INVALID_PARAMETER = "invalid_parameter"
VOICE_NOT_FOUND = "voice_not_found"
INPUT_TIMEOUT = "input_timeout_exceeded"
TOO_MUCH_TEXT = "max_character_limit_exceeded"
TOO_MANY_CONTEXTS = "max_active_conversations"

POLICY_VIOLATION = 1008
# Clients wait as long as this before they try again, where no error says something else.
RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """What a client is told: the name of the error on the wire, a sentence for people, the code that closes a socket, and
    the status of an HTTP response. `retry_after`, in seconds: when it may be different."""

    code: str
    message: str
    close_code: int
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after: int | None = None

    def because(self, message: str) -> Self:
        return replace(self, message=message)


class ProtocolError(Exception):
    """The client did something that the protocol forbids.

    `code` is the name on the wire, the message is for people, and `is_format` marks the errors that the native dialect
    closes with 1003 instead of 1008. `ends_connection`: it is not the fault of one context alone, whichever message it was
    in.
    """

    def __init__(self, code: str, message: str, *, is_format: bool = False, ends_connection: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_format = is_format
        self.ends_connection = ends_connection or is_format


class SpeechError(Exception):
    """The utterance cannot be spoken. The message is fit for the client."""


class Overloaded(SpeechError):
    """The queue is full."""


class EngineUnavailable(SpeechError):
    """The engine is loading, or is starting again after a crash."""


class EngineFailed(SpeechError):
    """The engine gave this utterance up, or died in the middle of it."""


class TextRefused(SpeechError):
    """What would be said is far longer than the text."""


class UnknownLanguage(SpeechError):
    """The engine does not speak the language of the voice or of the settings."""


class UnknownDictionary(SpeechError):
    """The client named a dictionary, or a version of one, that does not exist."""


class DatabaseUnavailable(SpeechError):
    """The database does not answer, or not in time."""


class VoiceUnusable(SpeechError):
    """The recordings of a voice cannot be read. `may_pass`: for now, since their storage cannot be used."""

    def __init__(self, message: str = "", *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class SourceError(SpeechError):
    """Forward mode: the audio source failed."""


class ClientStalled(SpeechError):
    """The client stopped reading for too long."""


class Refused(SpeechError):
    """The client may not do this. `status` is for HTTP; a socket closes with 1008. `code` is the error's name on the wire,
    `retry_after` (seconds, rounded up) says when it may be different."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))


# The faults that are not the client's words or rights.
ENGINE_FAILED = Fault("engine_failed", "The speech engine failed.", 1011)
INTERNAL_ERROR = Fault("internal_error", "Internal server error; the server log has the details.", 1011)
SOURCE_LOST = Fault(
    "audio_source_lost", "The server lost its connection to the audio source.", 1011, HTTPStatus.BAD_GATEWAY
)
SHUTTING_DOWN = Fault(
    "server_shutdown", "The server is shutting down.", 1012, HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS
)
# New work, while what has begun before is finished.
NOT_ADMITTING = Fault(
    "server_draining",
    "The server is shutting down and accepts nothing new; try again.",
    1013,
    HTTPStatus.SERVICE_UNAVAILABLE,
    RETRY_SECONDS,
)
ENGINE_UNAVAILABLE = Fault(
    "engine_unavailable",
    "The speech engine is not ready; try again shortly.",
    1013,
    HTTPStatus.SERVICE_UNAVAILABLE,
    RETRY_SECONDS,
)
DATABASE_UNAVAILABLE = Fault(
    "database_unavailable",
    "The server's database does not answer; try again later.",
    1013,
    HTTPStatus.SERVICE_UNAVAILABLE,
    RETRY_SECONDS,
)
STORAGE_FULL = Fault(
    "storage_full",
    "The server's disk is full: nothing was stored. Try again when its operator has made room.",
    1013,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
OVERLOADED = Fault(
    "system_busy", "The server is at its limit; try again later.", 1013, HTTPStatus.TOO_MANY_REQUESTS, RETRY_SECONDS
)
UNKNOWN_DICTIONARY = Fault(
    "pronunciation_dictionary_not_found",
    "This pronunciation dictionary does not exist.",
    POLICY_VIOLATION,
    HTTPStatus.NOT_FOUND,
)
TEXT_REFUSED = Fault(TOO_MUCH_TEXT, "The text is too long to say.", POLICY_VIOLATION, HTTPStatus.BAD_REQUEST)
STALLED = Fault(
    "client_stalled",
    "The client stopped reading its audio for too long.",
    POLICY_VIOLATION,
    HTTPStatus.REQUEST_TIMEOUT,
)

# The table. The first kind that fits says which fault it is; the error's own words are the message.
_FAULTS: tuple[tuple[type[SpeechError], Fault], ...] = (
    (ClientStalled, STALLED),
    (TextRefused, TEXT_REFUSED),
    (Overloaded, OVERLOADED),
    (EngineUnavailable, ENGINE_UNAVAILABLE),
    (UnknownDictionary, UNKNOWN_DICTIONARY),
    (UnknownLanguage, INTERNAL_ERROR),
    (VoiceUnusable, INTERNAL_ERROR),
    (DatabaseUnavailable, DATABASE_UNAVAILABLE),
    (SourceError, SOURCE_LOST),
    (SpeechError, ENGINE_FAILED),
)
_CLIENTS_STATUS = {VOICE_NOT_FOUND: HTTPStatus.NOT_FOUND}


def unknown_voice(voice_id: str) -> str:
    """The same sentence for a voice that does not exist and for one that the client may not use: nobody learns which."""
    return f"The voice {voice_id!r:.100} does not exist or is disabled."


def name_of(code: str) -> str:
    """The same, for logs and metrics. What is wrong with a format has a sentence for a code on sockets, with the client's
    words in it."""
    return code if _NAME.fullmatch(code) else INVALID_PARAMETER


def code_of(error: Exception) -> str:
    """The code of the fault that a client is told for this error."""
    return (_known_fault_of(error) or INTERNAL_ERROR).code


def fault_of(error: Exception) -> Fault:
    """The fault that a client is told for this error. Unexpected errors are logged."""
    fault = _known_fault_of(error)
    if fault is None:
        logger.error("Unexpected error", exc_info=error)
    elif fault is STORAGE_FULL:
        logger.error("The disk is full: %s", error)
    return fault or INTERNAL_ERROR


def _known_fault_of(error: Exception) -> Fault | None:
    message = str(error)
    match error:
        case Refused(code=code, status=status, retry_after=retry_after):
            return Fault(code, message, POLICY_VIOLATION, status, retry_after)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return STORAGE_FULL
        case ProtocolError(code=code):
            return Fault(code, message, POLICY_VIOLATION, _CLIENTS_STATUS.get(code, HTTPStatus.BAD_REQUEST))
    for kind, fault in _FAULTS:
        if isinstance(error, kind):
            return fault.because(message) if message else fault
    return None


def is_of_the_connection(error: Exception) -> bool:
    """Whether it ends all streams of a connection, not only the one in which it happened. That there is too much at once
    concerns that one; that the client may not speak any more concerns all."""
    return isinstance(error, ClientStalled) or (isinstance(error, Refused) and error.retry_after is None)
