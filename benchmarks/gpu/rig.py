"""The parts of an engine, put together one by one, so that each can be held against another that should give the same."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.sequences import Batch, Spoken
from streaming.engine.checkpoint.random_weights import Size, random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.devices import choose_device, enter
from streaming.engine.gpt.cuda_graphs import CudaCapture
from streaming.engine.gpt.gpt import Gpt, positions_needed
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.vocoder.vocoder import Vocoder

SLOTS = 8


def done_anew(work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
    """See `streaming.engine.gpt.cuda_graphs.Capture`: for a CPU, which has no graphs."""
    result = work()
    return result, lambda: result.copy_(work())


@dataclass(frozen=True, slots=True)
class Rig:
    size: Size
    weights: SpeechWeights
    device: torch.device

    @classmethod
    def make(cls, size: Size, device_name: str) -> "Rig":
        device = choose_device(device_name)
        enter(device)
        return cls(size, random_speech_weights(size, voices=8, device=str(device)), device)

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def steps(self) -> int:
        """Of a sequence: some 3 s of speech, on a CPU 1 s, which takes as long."""
        return 60 if self.is_gpu else 20

    @property
    def voices(self) -> list[str]:
        return list(self.weights.speakers)

    @property
    def width(self) -> int:
        return self.weights.gpt.width

    def gpt(self, dtype: torch.dtype, *, captured: bool = True, slots: int = SLOTS) -> Gpt:
        weights = self.weights.gpt
        capture = (CudaCapture(self.device) if self.is_gpu else done_anew) if captured else None
        transformer = TorchTransformer(
            weights,
            slots=slots,
            positions=positions_needed(weights),
            device=self.device,
            dtype=dtype,
            capture=capture,
        )
        return Gpt(weights, transformer, self.device)

    def batch(self, dtype: torch.dtype, *, captured: bool = True, slots: int = SLOTS) -> Batch:
        vocabulary = len(self.weights.gpt.audio_head.bias)
        sampler = Sampler(SamplingSettings(), slots=slots, vocabulary=vocabulary, device=self.device)
        gpt = self.gpt(dtype, captured=captured, slots=slots)
        return Batch(self.weights.gpt, self.weights.speakers, gpt, sampler, self.device)

    def vocoder(self, dtype: torch.dtype, *, device: torch.device | None = None) -> Vocoder:
        return Vocoder(self.weights.vocoder, device or self.device, dtype, most_together=32, frame_step=4)

    def sequences(self, count: int, *, steps: int = 0) -> list[Spoken]:
        """Of different voices, texts and seeds, in the first slots. With `steps`, what they say is given."""
        draw = torch.Generator().manual_seed(5)
        return [
            Spoken(
                slot=number,
                voice=self.voices[number % len(self.voices)],
                seed=number,
                text=[7 + number, 20, 33, 46] * (3 + 2 * number),
                forced=torch.randint(0, 1000, (steps,), generator=draw).tolist() if steps else None,
            )
            for number in range(count)
        ]


def decibels(exact: Tensor, close: Tensor) -> float:
    """How far the difference is below the signal; 200 where there is none."""
    error = (exact - close).double().std().item()
    return float(20 * torch.log10(exact.double().std() / error)) if error else 200.0


def largest(exact: Tensor, close: Tensor) -> float:
    return float((exact - close).abs().max())
