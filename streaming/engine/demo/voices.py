"""Which voice speaks a language: a Piper voice if there is one, else espeak-ng."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from streaming.engine.contract import Samples
from streaming.engine.demo.espeak import Espeak
from streaming.engine.demo.espeak_voice import EspeakVoice
from streaming.engine.demo.piper_voice import PiperVoice, english_voice
from streaming.text.language_codes import primary_subtag

logger = logging.getLogger("streaming.engine.demo")

ENGLISH = "en"
# espeak-ng's voices of regions. Portuguese without a region is that of Brazil (CLDR, likely subtags), as its numbers are.
_VOICES_OF_REGIONS = {"pt": "pt-br", "pt-pt": "pt"}


class Voice(Protocol):
    """What can speak a language."""

    name: str

    def is_audible(self, text: str) -> bool:
        """Whether the voice makes any sound of it."""

    def speak(
        self, text: str, speed: float, seed: int | None, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Samples, bool]]:
        """The sound of `text` in parts, each with whether it is the last. There may be fewer once it `is_cancelled`."""


class Voices:
    """All of them. `files`: language ("ru", "pt-BR") -> the model of a Piper voice (.onnx, its description beside it).

    Raises VoiceError and EspeakError.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        english = english_voice()
        self.sample_rate = english.sample_rate
        self._espeak = Espeak()
        if self._espeak.sample_rate != self.sample_rate:
            raise RuntimeError("The English voice and espeak-ng have different sample rates.")
        level = english.level() if files else None
        self._piper = {ENGLISH: english} | {
            primary_subtag(language): PiperVoice(Path(path), sample_rate=self.sample_rate, level=level)
            for language, path in files.items()
        }
        self._used: dict[str, Voice] = {}
        self._lock = threading.Lock()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those with a Piper voice first."""
        return (*self._piper, *(code for code in self._espeak.voices if code not in self._piper))

    @property
    def names(self) -> dict[str, str]:
        """Language -> its Piper voice."""
        return {language: voice.name for language, voice in self._piper.items()}

    def of(self, language: str) -> Voice:
        """The voice that speaks `language`; the English one if none does."""
        code = primary_subtag(language)
        if code not in self._piper and code not in self._espeak.voices:
            code = ENGLISH
        tag = language.strip().replace("_", "-").lower()
        name = tag if tag in _VOICES_OF_REGIONS and code not in self._piper else code
        with self._lock:
            if name not in self._used:
                self._used[name] = self._piper.get(code) or EspeakVoice(
                    self._espeak, _VOICES_OF_REGIONS.get(name) or self._espeak.voices[code], code
                )
                logger.info("The language %s is spoken by %s", name, self._used[name].name)
            return self._used[name]
