"""What went wrong, in the words that the client hears."""

import logging

from streaming.access.refusals import Refused
from streaming.dispatch.executor import EngineUnavailable, Overloaded, SpeechError
from streaming.forwarding.publisher import SourceError
from streaming.protocol import errors
from streaming.protocol.errors import Fault
from streaming.protocol.states import POLICY_VIOLATION
from streaming.speech.dictionaries import UnknownDictionary
from streaming.speech.language import UnknownLanguage
from streaming.speech.voice_preparation import VoicesUnavailable
from voices.conditioning import RecordingsUnusable

logger = logging.getLogger("streaming")


class ClientStalled(Exception):
    """The client has not read for too long."""


def is_of_the_connection(error: Exception) -> bool:
    """Whether it ends all streams of a connection, not only the one in which it happened. That there is too much at once
    is about that one; that the client may not speak any more is about all."""
    return isinstance(error, ClientStalled) or (isinstance(error, Refused) and error.retry_after is None)


# The first kind that fits says which fault it is; the error's own words are the message.
_FAULTS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Fault], ...] = (
    (Overloaded, errors.OVERLOADED),
    (EngineUnavailable, errors.ENGINE_UNAVAILABLE),
    (UnknownDictionary, errors.UNKNOWN_DICTIONARY),
    ((UnknownLanguage, RecordingsUnusable, VoicesUnavailable), errors.INTERNAL_ERROR),
    (SpeechError, errors.ENGINE_FAILED),
    (SourceError, errors.SOURCE_LOST),
)


def fault_of(error: Exception) -> Fault:
    """The fault that ends a session for this reason. What nobody expected is logged."""
    match error:
        case ClientStalled():
            return errors.STALLED
        case Refused(code=code):
            return Fault(code, str(error), POLICY_VIOLATION)
    for kinds, fault in _FAULTS:
        if isinstance(error, kinds):
            return fault.because(str(error))
    logger.error("A session failed", exc_info=error)
    return errors.INTERNAL_ERROR
