"""What went wrong, in the words that the client hears."""

import logging

from streaming.dictionaries import UnknownDictionary
from streaming.executor import EngineUnavailable, Overloaded, SpeechError
from streaming.forwarding import SourceError
from streaming.language import UnknownLanguage
from streaming.protocol import errors
from streaming.protocol.errors import Fault
from streaming.voice_preparation import VoicesUnavailable
from voices.conditioning import RecordingsUnusable

logger = logging.getLogger("streaming")


class ClientStalled(Exception):
    """The client has not read for too long."""


def fault_of(error: Exception) -> Fault:
    """The fault that ends a session for this reason. What nobody expected is logged."""
    message = str(error)
    match error:
        case ClientStalled():
            return errors.STALLED
        case Overloaded():
            return errors.OVERLOADED.because(message)
        case EngineUnavailable():
            return errors.ENGINE_UNAVAILABLE.because(message)
        case UnknownLanguage(is_clients=True):
            return errors.UNKNOWN_LANGUAGE.because(message)
        case UnknownDictionary():
            return errors.UNKNOWN_DICTIONARY.because(message)
        case UnknownLanguage() | RecordingsUnusable() | VoicesUnavailable():
            return errors.INTERNAL_ERROR.because(message)
        case SpeechError():
            return errors.ENGINE_FAILED.because(message)
        case SourceError():
            return errors.SOURCE_LOST.because(message)
    logger.error("A session failed", exc_info=error)
    return errors.INTERNAL_ERROR
