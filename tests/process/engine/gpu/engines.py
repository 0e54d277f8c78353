"""Two engines of the same random weights: the one of a GPU, with stand-ins for what only a GPU has, and the one that waits
for each step."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from streaming.engine.checkpoint.random_weights import random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.conditioning import Conditioning
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES
from streaming.engine.gpu.engine import CapturedEngine
from streaming.engine.gpu.model import CapturedModel, make_captured_model
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.piece import TextPiece, Timing
from streaming.engine.xtts_model import Compute, ComputeOptions, Model, SharedModel, assemble, shared_fields
from tests.process.engine.recorded import Recorder
from tests.process.engine.stage import CPU

SLOTS = 3
PREPARED = Conditioning(torch.full((32, 64), 0.5), torch.full((512,), 0.1))


@dataclass(frozen=True)
class CutAtBars:
    """Pieces of text are between bars: one token for each character, and some 70 ms of audio at most."""

    timing: Timing | None = None

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        end = 0
        for piece in text.split("|") if text else []:
            end = min(end + len(piece) + 1, len(text))
            yield TextPiece([5 + ord(letter) % 300 for letter in piece], end, 8 + 3 * len(piece) // 2, self.timing)

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        return []

    def warm_up(self) -> None:
        pass


class SlowConditioner:
    """In several steps, whatever the recordings are."""

    def compute_steps(self, clips: Sequence[bytes]) -> Generator[None, None, Conditioning]:
        for _ in range(5):
            yield
        return PREPARED


def small_weights() -> SpeechWeights:
    """With room for texts of 100 tokens and for 60 steps, and a part of the vocoder: the stand-ins take their time for all
    of it."""
    weights = random_speech_weights("tiny", voices=4)
    gpt = weights.gpt
    gpt = replace(gpt, text_positions=gpt.text_positions[:102], audio_positions=gpt.audio_positions[:60])
    stages = [replace(stage, blocks=stage.blocks[:2]) for stage in weights.vocoder.stages]
    return replace(weights, gpt=gpt, vocoder=replace(weights.vocoder, stages=stages))


def endless(weights: SpeechWeights) -> SpeechWeights:
    """As one that never ends by itself."""
    head = weights.gpt.audio_head
    bias = head.bias.clone()
    bias[weights.gpt.stop_audio] = -100.0
    return replace(weights, gpt=replace(weights.gpt, audio_head=replace(head, bias=bias)))


def stepped_engine(weights: SpeechWeights, timing: Timing | None = None) -> SteppedEngine:
    model = _stepped_model(weights, timing)
    return SteppedEngine(model)


def captured_engine(weights: SpeechWeights, timing: Timing | None = None) -> CapturedEngine:
    return CapturedEngine(captured_model(weights, timing))


def captured_model(weights: SpeechWeights, timing: Timing | None = None) -> CapturedModel:
    model = _stepped_model(weights, timing)
    shared, settings = SharedModel(**shared_fields(model)), model.sampler.settings
    return make_captured_model(shared, weights, settings, Recorder(), Recorder(), VOICE_CACHE_BYTES)


def _stepped_model(weights: SpeechWeights, timing: Timing | None) -> Model:
    compute = Compute(CPU, "fp32", 1, ComputeOptions(device="cpu", slots=SLOTS, compiled_kernels=False))
    model = assemble(weights, compute, front_end=CutAtBars(timing), conditioner=SlowConditioner(), fingerprint="random")
    assert isinstance(model, Model)
    return model
