"""The parts of an engine, put together one by one, so that each can be held against another that should give the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.in_process import endless
from benchmarks.sequences import Batch, Spoken, SteppedBatch
from streaming.engine.checkpoint.random_weights import Size, random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.devices import choose_device, enter
from streaming.engine.gpt.cuda_graphs import CudaCapture
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES, Gpt, positions_needed
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.support import fits
from streaming.engine.vocoder.vocoder import Vocoder

SLOTS = 8
# Latents of a chunk.
CHUNK = 10


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
        weights = random_speech_weights(size, voices=8, device=str(device))
        return cls(size, replace(weights, gpt=endless(weights.gpt)), device)

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def steps(self) -> int:
        """Of a sequence: some 3 s of speech; on a CPU a few, which show that everything runs."""
        return 60 if self.is_gpu else 6

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
        """As the engine has it on this device. On a GPU with our kernels where these can be made."""
        return self._own_batch(dtype, captured, slots) if self.has_kernels else self.plain_batch(dtype, slots=slots)

    def plain_batch(self, dtype: torch.dtype, *, captured: bool = True, slots: int = SLOTS) -> Batch:
        """With PyTorch's operations alone."""
        vocabulary = len(self.weights.gpt.audio_head.bias)
        sampler = Sampler(SamplingSettings(), slots=slots, vocabulary=vocabulary, device=self.device)
        gpt = self.gpt(dtype, captured=captured, slots=slots)
        return SteppedBatch(self.weights.gpt, self.weights.speakers, gpt, sampler, self.device)

    @property
    def has_kernels(self) -> bool:
        return self.is_gpu and fits(self.weights)

    def _own_batch(self, dtype: torch.dtype, captured: bool, slots: int) -> Batch:
        from benchmarks.captured_sequences import CapturedBatch, GivenTokens
        from streaming.engine.gpu.decoder import Decoder
        from streaming.engine.gpu.layers import Layers

        weights, device = self.weights.gpt, self.device
        steps = len(weights.audio_positions) + 1
        given = GivenTokens(slots=slots, vocabulary=len(weights.audio_head.bias), steps=steps, device=device)
        store = self.store(slots)
        layers = Layers(weights, slots=slots, positions=positions_needed(weights), device=device, dtype=dtype)
        capture = CudaCapture(device) if captured else done_anew
        decoder = Decoder(
            weights, layers, given, store, device, capture, slots=slots, voice_cache_bytes=VOICE_CACHE_BYTES
        )
        return CapturedBatch(weights, self.weights.speakers, decoder, store, given)

    def store(self, slots: int) -> LatentStore:
        steps = len(self.weights.gpt.audio_positions) + 1
        return LatentStore(slots=slots, steps=steps, width=self.width, device=self.device)

    def vocoder(self, dtype: torch.dtype, *, device: torch.device | None = None) -> Vocoder:
        """With PyTorch's operations alone."""
        return Vocoder(self.weights.vocoder, device or self.device, dtype, most_together=32, frame_step=4)

    def decoded(
        self, latents: Tensor, dtype: torch.dtype, *, captured: bool = True, chunk: int = CHUNK, streams: int = 1
    ) -> Tensor:
        """The samples of `latents` (n, width), streamed in chunks, as the engine has it on this device; on a GPU beside
        others, so that there are `streams`."""
        speaker = self.weights.speakers[self.voices[0]][1].flatten()
        if not self.has_kernels:
            return plainly_decoded(self.vocoder(dtype), latents, speaker)
        from streaming.engine.gpu.vocoder import GpuVocoder, StoredDue

        store, capture = self.store(streams), CudaCapture(self.device) if captured else done_anew
        for slot in range(streams):
            store.latents[store.first(slot) :][: len(latents)] = latents.to(self.device) * 0.9**slot
        vocoder = GpuVocoder(self.weights.vocoder, store, self.device, dtype, capture, slots=streams)
        all_streams = [vocoder.stream(slot, speaker) for slot in range(streams)]
        pieces = []
        for start in range(0, len(latents), chunk):
            for stream in all_streams:
                stream.push_steps([None] * len(latents[start : start + chunk]))
            last = start + chunk >= len(latents)
            pieces.append(vocoder.start([StoredDue(stream, last=last) for stream in all_streams]).read()[0])
        return torch.from_numpy(np.concatenate(pieces))

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


def plainly_decoded(vocoder: Vocoder, latents: Tensor, speaker: Tensor) -> Tensor:
    """The same, by a vocoder that waits for each chunk."""
    stream = vocoder.stream(speaker)
    pieces = []
    for start in range(0, len(latents), CHUNK):
        stream.push(latents[start : start + CHUNK])
        pieces.append(stream.decode(last=start + CHUNK >= len(latents)))
    return torch.from_numpy(np.concatenate(pieces))


def decibels(exact: Tensor, close: Tensor) -> float:
    """How far the difference is below the signal; 200 where there is none."""
    error = (exact - close).double().std().item()
    return float(20 * torch.log10(exact.double().std() / error)) if error else 200.0


def largest(exact: Tensor, close: Tensor) -> float:
    return float((exact - close).abs().max())
