"""Which of an engine's languages is meant?"""

import logging
from collections.abc import Iterable
from functools import lru_cache

from streaming.engine.contract import EngineInfo
from streaming.jobs import SpeechError

logger = logging.getLogger("streaming.language")


class UnknownLanguage(SpeechError):
    """The engine does not speak it. `is_clients`: the client asked for it, and not the voice or the settings."""

    def __init__(self, message: str, *, is_clients: bool) -> None:
        super().__init__(message)
        self.is_clients = is_clients


def spoken_language(asked: str | None, default: str, info: EngineInfo) -> str:
    """What the engine is told to speak: what the client asked for, else the default of voice and settings, in the
    engine's own spelling. Raises UnknownLanguage.

    An engine that cannot clone has one voice, in its own language; it speaks every text as well as it can.
    """
    wanted = asked or default
    known = known_language(wanted, info.languages)
    if known is None and info.clones:
        raise UnknownLanguage(_refusal(wanted, info, is_clients=bool(asked)), is_clients=bool(asked))
    if known is None:
        _log_unknown(info.name, wanted)
    return known or wanted


def known_language(wanted: str, languages: Iterable[str]) -> str | None:
    """The one of `languages` that `wanted` means, spelled as the engine spells it; None if it is not among them."""
    return next((known for known in languages if primary_subtag(known) == primary_subtag(wanted)), None)


def primary_subtag(tag: str) -> str:
    """The language of a tag, without region or script: zh of zh-CN, pt of pt_BR, en of EN."""
    return tag.strip().replace("_", "-").partition("-")[0].lower()


@lru_cache(maxsize=64)
def _log_unknown(engine: str, wanted: str) -> None:
    """Once for each language, or nearly: clients may ask for any number of them."""
    logger.info("The engine %s does not know the language %r; it speaks such texts as it can", engine, wanted)


def _refusal(wanted: str, info: EngineInfo, *, is_clients: bool) -> str:
    whose = "language" if is_clients else "The language of this voice, or of the server's settings,"
    return f"{whose} {wanted!r} is not spoken here; the languages are {', '.join(sorted(info.languages))}."
