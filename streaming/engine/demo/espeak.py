"""espeak-ng: a plain but understandable voice for each of more than a hundred languages.

The library is the one inside piper-tts, which needs it for its phonemes, with the data that stand beside it. It is GPL-3.0
and runs in the engine's process only.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from piper import espeakbridge
from piper.phonemize_espeak import ESPEAK_DATA_DIR

from streaming.engine.contract import Samples

# The library has one state. Whoever uses it, for phonemes or for sound, holds this.
ESPEAK_LOCK = threading.Lock()

# How the library's voices sound. Of its variants without flutter (a wavering that depends on everything that was spoken
# before) it is the one of which a recogniser understands most.
_VARIANT = "michel"
# With it, as loud as the English voice of piper.
_GAIN = 0.7
_WORDS_PER_MINUTE = 175
# Beyond these the library speaks no slower and no faster.
_SLOWEST, _FASTEST = 80, 450
# A trilled r depends on how many periods of voiced sound there were since the library was loaded, up to multiples of this.
_PERIODS = 4
_TRILL = ("ru", "р")
# Languages that were made for books and games.
_INVENTED = "art/"
_SPOKEN_INVENTED = ("eo", "ia", "io")
# Languages whose words the library lacks in piper-tts: they are silent.
_WITHOUT_DICTIONARY = ("fo", "kaa", "ps")
# The library's own names of languages that have a shorter one.
_ISO_639_1 = {"cmn": "zh"}

# From speak_lib.h: parameters, flags, and the position of a text.
_RATE = 1
_UTF8 = 1
_PAUSE_AT_THE_END = 0x1000
_CHARACTERS = 1
_OK = 0
_GO_ON, _STOP = 0, 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """espeak_VOICE. `languages`: for each a byte (its priority) and a text, both again and again, up to a priority of 0."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("reserved", ctypes.c_void_p),
    )


class EspeakError(Exception):
    """The library cannot be used, or refuses a text; the message is one sentence."""


class Espeak:
    """The library, which any number of threads may use. It speaks so fast that they hardly wait for each other: a second of
    speech takes 3 ms."""

    def __init__(self, data: Path = ESPEAK_DATA_DIR) -> None:
        espeakbridge.initialize(str(data))
        self._settled = b""
        self._library = ctypes.CDLL(espeakbridge.__file__)
        try:
            self._library.espeak_Synth.argtypes = (
                *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
                *(ctypes.c_void_p, ctypes.c_void_p),
            )
            self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
            self.sample_rate = int(self._library.espeak_ng_GetSampleRate())
        except AttributeError as error:
            raise EspeakError(f"This version of piper-tts does not let others use its espeak-ng ({error}).") from None

    @cached_property
    def voices(self) -> dict[str, str]:
        """Language (ISO 639, without regions) -> the library's name of the voice."""
        found: dict[str, tuple[bool, int, str]] = {}
        with ESPEAK_LOCK:
            for identifier, languages in self._list():
                name = identifier.rpartition("/")[2].lower()
                for priority, language in languages:
                    code = _ISO_639_1.get(language, language)
                    if "-" not in code and _is_spoken(identifier, code):
                        # The voice of the language as such comes before those of regions.
                        candidate = (name != language, priority, name)
                        found[code] = min(found.get(code, candidate), candidate)
        return {code: name for code, (_, _, name) in sorted(found.items())}

    def _list(self) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        listed = self._library.espeak_ListVoices(None)
        index = 0
        while entry := listed[index]:
            yield entry.contents.identifier.decode(), list(_languages(entry.contents.languages))
            index += 1

    def phonemes(self, voice: str, text: str) -> list[str]:
        """What is said for `text`, in the International Phonetic Alphabet, clause by clause."""
        with ESPEAK_LOCK:
            espeakbridge.set_voice(voice)
            return [phonemes for phonemes, _, _ in espeakbridge.get_phonemes(text)]

    def speak(self, voice: str, text: str, *, speed: float, pause: bool, is_cancelled: Callable[[], bool]) -> Samples:
        """Mono float32 samples at `sample_rate`, the same for the same text; fewer once it `is_cancelled`. `pause`: with the
        silence that belongs behind a sentence. Raises EspeakError."""
        flags = _UTF8 | (_PAUSE_AT_THE_END if pause else 0)

        def sound(rate: float) -> bytes:
            with ESPEAK_LOCK:
                self._settle()
                return self._synthesize(voice, text, rate, is_cancelled, flags)

        made = sound(speed)
        if speed != 1 and made:
            # The library takes its rate for a hint. What came of it says how to ask for the speed that is wanted.
            made = sound(speed * speed * len(made) / max(1, len(sound(1.0))))
        samples: Samples = np.frombuffer(made, dtype=np.int16).astype(np.float32) * np.float32(_GAIN / 32768)
        return samples

    def _settle(self) -> None:
        """Bring the library into the one state of its _PERIODS from which every text is spoken."""
        if not self._settled:
            self._settled = min(self._trill() for _ in range(_PERIODS))
        for _ in range(_PERIODS):
            if self._trill() == self._settled:
                return

    def _trill(self) -> bytes:
        return self._synthesize(*_TRILL, 1.0, lambda: False, _UTF8)

    def _synthesize(self, voice: str, text: str, rate: float, is_cancelled: Callable[[], bool], flags: int) -> bytes:
        """16-bit samples. `rate`: 1 is the library's usual one."""
        pieces: list[bytes] = []

        def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
            if count > 0:
                pieces.append(ctypes.string_at(samples, 2 * count))
            return _STOP if is_cancelled() else _GO_ON

        callback = _Callback(receive)
        encoded = text.encode("utf-8", "ignore") + b"\0"
        espeakbridge.set_voice(f"{voice}+{_VARIANT}")
        self._library.espeak_SetSynthCallback(callback)
        words_per_minute = min(_FASTEST, max(_SLOWEST, round(_WORDS_PER_MINUTE * rate)))
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        status = self._library.espeak_Synth(encoded, len(encoded), 0, _CHARACTERS, 0, flags, None, None)
        if status != _OK:
            raise EspeakError(f"espeak-ng cannot speak this text (status {status}).")
        return b"".join(pieces)


def _is_spoken(identifier: str, code: str) -> bool:
    if identifier.startswith(_INVENTED):
        return code in _SPOKEN_INVENTED
    return code not in _WITHOUT_DICTIONARY


def _languages(place: int) -> Iterator[tuple[int, str]]:
    while priority := ctypes.string_at(place, 1)[0]:
        language = ctypes.string_at(place + 1)
        yield priority, language.decode()
        place += len(language) + 2
