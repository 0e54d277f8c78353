"""Which of an engine's languages does a client mean?"""

import logging
from collections.abc import Iterable

from streaming.engine.contract import EngineInfo
from streaming.errors import UnknownLanguage
from streaming.text.language_codes import primary_subtag
from streaming.text.normalization.language import table_name

logger = logging.getLogger("streaming.speech.language")

# Clients may ask for any text as a language: they must not fill the log.
MOST_LOGGED = 64


class LanguageChooser:
    """One for each server process: it logs once that an engine lacks a language, and only for the first MOST_LOGGED."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def choose(self, asked: str | None, default: str, info: EngineInfo) -> str:
        """What the engine is told to speak, in its own spelling, or with a region that reads numbers otherwise ("pt-PT"):
        what the client asked for, else the default of the voice and of the settings. Raises UnknownLanguage.

        A client that asks for a language that the engine does not speak hears the default (docs/protocol.md, decision 8). An
        engine that cannot clone has one voice, in its own language; it speaks every text as well as it can.
        """
        for wanted in filter(None, (asked, default)):
            if known := known_language(wanted, info.languages):
                return _with_region(known, wanted)
            self._log(info.name, wanted)
        if info.clones:
            languages = ", ".join(sorted(info.languages))
            raise UnknownLanguage(
                f"The engine does not speak {default!r}, the language of this voice or of the settings. Its languages are "
                f"{languages}."
            )
        return asked or default

    def _log(self, engine: str, wanted: str) -> None:
        code = primary_subtag(wanted)
        if code in self._logged or len(self._logged) > MOST_LOGGED:
            return
        self._logged.add(code)
        if len(self._logged) > MOST_LOGGED:
            logger.info(
                "Many other languages are asked for that the engine %s does not speak; no more are logged", engine
            )
        else:
            logger.info("The engine %s does not speak the language %r", engine, wanted)


def known_language(wanted: str, languages: Iterable[str]) -> str | None:
    """The one of `languages` that `wanted` means, spelled as the engine spells it; None if it is not among them."""
    return next((known for known in languages if primary_subtag(known) == primary_subtag(wanted)), None)


def _with_region(known: str, wanted: str) -> str:
    name = table_name(wanted)
    return name if name and "-" in name else known
