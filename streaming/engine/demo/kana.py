"""Japanese in kana, its words apart: espeak-ng has no readings for Chinese characters.

pykakasi (GPL-3.0) looks the readings up in its dictionary. Like piper it runs in the engine's process only.
"""

import threading
from functools import cached_property

import pykakasi

# Words that end in a は which belongs to them. At the end of others it is the particle, which is said "wa".
_NO_PARTICLE = ("はは",)


class KanaReader:
    """For any number of threads. The first text loads the dictionary: a second, and 127 MB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _kakasi(self) -> pykakasi.Kakasi:
        return pykakasi.Kakasi()  # type: ignore[no-untyped-call] # its constructor says nothing

    def read(self, text: str) -> str:
        with self._lock:
            words = self._kakasi.convert(text)
        return " ".join(_as_said(word["orig"], word["hira"]) for word in words)


def _as_said(written: str, read: str) -> str:
    if written == "へ":
        return "え"
    if written.endswith("は") and written not in _NO_PARTICLE:
        return f"{read[:-1]}わ"
    return read
