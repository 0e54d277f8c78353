"""Which of an engine's languages is meant?"""

import logging
from collections.abc import Iterable
from functools import lru_cache

from streaming.engine.contract import EngineInfo
from streaming.errors import UnknownLanguage

logger = logging.getLogger("streaming.speech.language")


def spoken_language(asked: str | None, default: str, info: EngineInfo) -> str:
    """What the engine is told to speak, in its own spelling: what the client asked for, else the default of voice and
    settings. Raises UnknownLanguage.

    A wish that the engine cannot fulfil is not held against the client (wire.md 5.8). An engine that cannot clone has one
    voice, in its own language; it speaks every text as well as it can.
    """
    for wanted in filter(None, (asked, default)):
        if known := known_language(wanted, info.languages):
            return known
        log_unknown(info.name, wanted)
    if info.clones:
        languages = ", ".join(sorted(info.languages))
        raise UnknownLanguage(
            f"The language of this voice, or of the server's settings, {default!r} is not spoken here; the languages are "
            f"{languages}."
        )
    return asked or default


def known_language(wanted: str, languages: Iterable[str]) -> str | None:
    """The one of `languages` that `wanted` means, spelled as the engine spells it; None if it is not among them."""
    return next((known for known in languages if primary_subtag(known) == primary_subtag(wanted)), None)


def primary_subtag(tag: str) -> str:
    """The language of a tag, without region or script: zh of zh-CN, pt of pt_BR, en of EN."""
    return tag.strip().replace("_", "-").partition("-")[0].lower()


@lru_cache(maxsize=64)
def log_unknown(engine: str, wanted: str) -> None:
    """Once for each language in the life of the process, or nearly: clients may ask for any number of them."""
    logger.info("The engine %s does not speak the language %r", engine, wanted)
