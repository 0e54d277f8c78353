"""Whose fault is it? A `ProtocolError` is the peer's; a `Fault` is ours, or the world's, and is handed to the session."""

from dataclasses import dataclass, replace
from typing import Self

INVALID_MESSAGE = "invalid_input_message"
INVALID_PARAMETER = "invalid_parameter"
VOICE_NOT_FOUND = "voice_not_found"
INPUT_TIMEOUT = "input_timeout_exceeded"
TOO_MUCH_TEXT = "max_character_limit_exceeded"
TOO_MANY_CONTEXTS = "max_active_conversations"


class ProtocolError(Exception):
    """The client did something that the protocol forbids.

    `code` is the name on the wire (the vendor's where it has one), the message is for people, and `is_format` marks the
    errors that the seed dialect closes with 1003 instead of 1008. `ends_connection`: it is not the fault of one context
    alone, whichever message it was in.
    """

    def __init__(self, code: str, message: str, *, is_format: bool = False, ends_connection: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_format = is_format
        self.ends_connection = ends_connection or is_format


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a session ends without the client being wrong: the error on the wire and the close code."""

    code: str
    message: str
    close_code: int

    def because(self, message: str) -> Self:
        return replace(self, message=message)


ENGINE_FAILED = Fault("engine_failed", "The speech engine failed.", 1011)
INTERNAL_ERROR = Fault("internal_error", "The server failed; its log says why.", 1011)
SOURCE_LOST = Fault("audio_source_lost", "The connection to the audio source was lost.", 1011)
SHUTTING_DOWN = Fault("server_shutdown", "The server is shutting down.", 1012)
ENGINE_UNAVAILABLE = Fault("engine_unavailable", "The speech engine is not ready; try again shortly.", 1013)
OVERLOADED = Fault("system_busy", "The server is at its limit; try again later.", 1013)
UNKNOWN_DICTIONARY = Fault("pronunciation_dictionary_not_found", "There is no such pronunciation dictionary.", 1008)
STALLED = Fault("client_stalled", "The client did not read its audio for too long.", 1008)
