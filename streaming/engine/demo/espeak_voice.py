"""A language as espeak-ng speaks it."""

from collections.abc import Callable, Iterator

from streaming.engine.contract import Samples
from streaming.engine.demo.espeak import Espeak
from streaming.engine.demo.kana import KanaReader

# A few characters can be minutes of sound (Chinese ones that are spelled). It is handed on in parts of this many seconds.
_MOST_SECONDS = 10
_SENTENCE_ENDS = frozenset(".!?…:;。！？；：।॥؟،,、，")
# Languages (ISO 639) that are written in characters for which espeak-ng has no readings.
_READERS: dict[str, Callable[[], KanaReader]] = {"ja": KanaReader}


class EspeakVoice:
    """One language, for any number of threads at once."""

    def __init__(self, espeak: Espeak, voice: str, language: str) -> None:
        """`voice`: the library's name; `language`: without its region."""
        self._espeak = espeak
        self._voice = voice
        self._reader = _READERS[language]() if language in _READERS else None
        self.name = f"espeak-ng {self._voice}"

    def is_audible(self, text: str) -> bool:
        return any(self._espeak.phonemes(self._voice, self._read(text)))

    def speak(
        self, text: str, speed: float, seed: int | None, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Samples, bool]]:
        pause = text.rstrip()[-1:] in _SENTENCE_ENDS
        read = self._read(text)
        samples = self._espeak.speak(self._voice, read, speed=speed, pause=pause, is_cancelled=is_cancelled)
        most = _MOST_SECONDS * self._espeak.sample_rate
        for start in range(0, max(1, len(samples)), most):
            yield samples[start : start + most], start + most >= len(samples)

    def _read(self, text: str) -> str:
        return self._reader.read(text) if self._reader else text
