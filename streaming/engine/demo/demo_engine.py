"""The embedded voices: real speech on any CPU, with nothing to fetch. English is spoken by the Piper voice that is installed
with the server, other languages by the Piper voices that the settings name, all others by espeak-ng. They cannot clone.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Sink, SpeechRequest, VoiceRef
from streaming.engine.demo.spelling import can_be_said, readable, without_idle_stops
from streaming.engine.demo.steps import audible_steps
from streaming.engine.demo.voices import ENGLISH, Voice, Voices
from streaming.logs.request_id import request_of
from streaming.measures.distribution import Distribution
from streaming.measures.engine_figures import STEP_BOUNDS
from streaming.text.normalization.expansion import SaysTooMuch, require_speakable
from streaming.text.normalization.normalizer import normalize
from streaming.text.scripts import runs

logger = logging.getLogger("streaming.engine.demo")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is spoken in one step. `end` is where it ends in the request's text."""

    text: str
    voice: Voice
    end: int


class DemoEngine:
    """Up to `threads` utterances at once, one core each. `voices`: language -> the model of a Piper voice. `language`: the
    one that most requests are expected in; others may load something (Japanese its dictionary) with their first text."""

    def __init__(self, threads: int, voices: Mapping[str, str] | None = None, language: str = ENGLISH) -> None:
        self._voices = Voices(voices or {})
        self._language = language
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="speech")
        self._stopped = threading.Event()
        self._cancelled: dict[str, threading.Event] = {}
        # A step makes one chunk of one utterance.
        self.step_times = Distribution(STEP_BOUNDS)
        self._times_lock = threading.Lock()
        languages = self._voices.languages
        notice = _notice(self._voices.names)
        self.info = EngineInfo("demo", self._voices.sample_rate, languages, clones=False, notice=notice, slots=threads)

    def warm_up(self) -> None:
        for language in (ENGLISH, self._language):
            for _ in self._voices.of(language).speak("Warming up.", 1.0, None, lambda: False):
                pass

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
        spoken_by: dict[str, None] = {}
        try:
            for chunk, voice in self._timed(self._chunks(request, cancelled.is_set)):
                if cancelled.is_set():
                    break
                spoken_by[voice] = None
                sink(chunk)
        except SaysTooMuch as error:
            sink(Failed(request.request_id, str(error), is_text=True))
        except Exception as error:
            logger.exception("An utterance failed", extra={"request_id": request_of(request.request_id)})
            sink(Failed(request.request_id, f"{type(error).__name__}: {error}"))
        else:
            sink(Finished(request.request_id, cancelled.is_set(), tuple(spoken_by)))
        finally:
            del self._cancelled[request.request_id]

    def _timed(self, chunks: Iterator[Item]) -> Iterator[Item]:
        """The same, each when it is made."""
        began = time.monotonic()
        for chunk in chunks:
            with self._times_lock:
                self.step_times.add(time.monotonic() - began)
            yield chunk
            began = time.monotonic()

    def _chunks(self, request: SpeechRequest, is_cancelled: Callable[[], bool]) -> Iterator[tuple[PcmChunk, str]]:
        """Each with the name of the voice that speaks it."""
        for piece, following in _with_next(self._pieces(request, is_cancelled)):
            piece_end = len(request.text) if following is None else piece.end
            # What is written short and said long may be spoken in several pieces: it is over with the last.
            goes_on = following is not None and following.end <= piece.end
            for samples, is_over in piece.voice.speak(piece.text, request.speed, request.seed, is_cancelled):
                text_end = piece_end if is_over and not goes_on else None
                chunk = PcmChunk(request.request_id, samples, text_end, following is None and is_over, piece_end)
                yield chunk, piece.voice.name

    def _pieces(self, request: SpeechRequest, is_cancelled: Callable[[], bool]) -> Iterator[_Piece]:
        for run in runs(request.text, request.language):
            voice = self._voices.of(run.language)
            only_unreadable = not request.apply_text_normalization
            part = request.text[run.start : run.end]
            rewriting = require_speakable(normalize(part, run.language, only_unreadable=only_unreadable))
            text = readable(rewriting.spoken, run.language)
            for step in audible_steps(text, partial(_is_audible, voice), is_cancelled, run.language, run.start):
                end = run.start + rewriting.original_end(step.end)
                yield _Piece(without_idle_stops(step.spoken(text), run.language), voice, end)


def _is_audible(voice: Voice, text: str) -> bool:
    return can_be_said(text) and voice.is_audible(text)


def _with_next(items: Iterator[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Each item with the one after it; None after the last."""
    held = next(items, None)
    while held is not None:
        following = next(items, None)
        yield held, following
        held = following


def _notice(voices: Mapping[str, str]) -> str:
    spoken = ", ".join(f"{language}: {name}" for language, name in voices.items())
    return (
        f"Embedded voices: piper-tts (GPL-3.0, in its own process) with {spoken}; other languages by espeak-ng (GPL-3.0, "
        "the same process). They cannot clone: uploaded voices sound like them."
    )
