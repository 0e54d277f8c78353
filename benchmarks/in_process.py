"""An XTTS engine in this process, with neither coqui-tts nor a server: random weights or a checkpoint's, and a text front
end that turns a text into as many tokens as it has, though not into the right ones. Nobody can understand what it says; it
costs what speech costs.
"""

import itertools
import math
import threading
import traceback
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from streaming.engine.checkpoint.config import SpeechConfig
from streaming.engine.checkpoint.files import find_checkpoint
from streaming.engine.checkpoint.random_weights import Size, random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights, read_speech_weights
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import SpeechEngine
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.text.piece import AUDIO_TOKENS_PER_SECOND, TextPiece
from streaming.engine.xtts_model import Compute, ComputeOptions, SharedModel, assemble

# Characters for one text token, about, and characters spoken in a second.
CHARACTERS_PER_TOKEN = 2.5
USUAL_RATE = 15.0
RATES = {"zh": 4.5, "ja": 7.0, "ko": 7.0, "hi": 11.0, "ar": 11.0}


class StandInText:
    """See `streaming.engine.xtts_model.FrontEnd`. A text is one piece, and lasts as long as it takes at usual speed."""

    def __init__(self, config: SpeechConfig, text_tokens: int) -> None:
        self._config = config
        self._text_tokens = text_tokens

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        known = [code.partition("-")[0] for code in self._config.languages]
        rate = RATES.get(language, USUAL_RATE)
        count = min(math.ceil(len(text) / CHARACTERS_PER_TOKEN), self._config.max_text_tokens - 2)
        words = itertools.islice(itertools.cycle(text.split()), count)
        # The first numbers are those of languages and other signs.
        tokens = [2 + len(known) + zlib.crc32(word.encode()) % (self._text_tokens - 2 - len(known)) for word in words]
        audio_tokens = min(math.ceil(len(text) / rate * AUDIO_TOKENS_PER_SECOND), self._config.max_audio_tokens)
        return iter([TextPiece([2 + known.index(language), *tokens], len(text), audio_tokens)])

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        """Those of all words but the last, which may be half of one."""
        words = text.rpartition(" ")[0]
        return next(self.pieces(words, language)).tokens[: 1 + len(words.split())]

    def warm_up(self) -> None:
        """Nothing takes long."""


class NoRecordings:
    """See `streaming.engine.xtts_model.Conditioner`."""

    def compute_steps(self, clips: Sequence[bytes]) -> Generator[None, None, Conditioning]:
        raise ValueError("Only the built-in voices speak here.")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`checkpoint`: a folder of coqui's; without it, random weights of `size` with so many `voices`."""

    size: Size = "full"
    checkpoint: Path | None = None
    voices: int = 8
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    slots: int | None = None


def make_weights(options: EngineOptions, device: torch.device) -> SpeechWeights:
    """Speech never ends by itself with them, but by its length: random weights do not know when to stop."""
    if options.checkpoint:
        weights = read_speech_weights(find_checkpoint(None, options.checkpoint, None))
    else:
        weights = random_speech_weights(options.size, voices=options.voices, device=str(device))
    return replace(weights, gpt=endless(weights.gpt))


def endless(gpt: GptWeights) -> GptWeights:
    bias = gpt.audio_head.bias.clone()
    bias[gpt.stop_audio] = -torch.inf
    return replace(gpt, audio_head=replace(gpt.audio_head, bias=bias))


def make_model(options: EngineOptions) -> SharedModel:
    """Raises CheckpointError and ValueError."""
    compute = Compute.begin(ComputeOptions(options.device, options.precision, options.threads, options.slots))
    weights = make_weights(options, compute.device)
    front_end = StandInText(weights.config, weights.gpt.text_embedding.shape[0])
    return assemble(weights, compute, front_end=front_end, conditioner=NoRecordings(), fingerprint="none")


@contextmanager
def running(engine: SpeechEngine) -> Iterator[None]:
    """The engine, warm and at work in a thread of its own. Raises what ended that thread."""
    failures: list[BaseException] = []
    is_warm = threading.Event()

    def work() -> None:
        try:
            engine.warm_up()
            is_warm.set()
            engine.run()
        except BaseException as error:
            traceback.print_exc()
            failures.append(error)
            is_warm.set()

    thread = threading.Thread(target=work, name="engine")
    thread.start()
    is_warm.wait()
    try:
        if not failures:
            yield
    finally:
        engine.stop()
        thread.join()
        if failures:  # whatever else went wrong, it is because of this
            raise failures[0]


def describe(model: SharedModel) -> dict[str, Any]:
    """Of the device, for a report."""
    about: dict[str, Any] = {"device": str(model.device), "precision": model.precision, "slots": model.slots}
    if model.device.type == "cuda":
        about["card"] = torch.cuda.get_device_name(model.device)
        about["peak_gpu_megabytes"] = torch.cuda.max_memory_allocated(model.device) / 2**20
    return about
