"""The parts of a checkpoint put together to speak on a device: what the engine's loop works with. Nothing here knows
coqui-tts; `streaming/engine/xtts_loading.py` brings what it is needed for.
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import torch

from streaming.engine.checkpoint.config import SpeechConfig
from streaming.engine.checkpoint.tensors import Speakers, SpeechWeights
from streaming.engine.conditioning import Conditioning
from streaming.engine.cores import usable_cores
from streaming.engine.devices import DTYPES, choose_device, choose_precision, choose_slots, enter, vocoder_dtype
from streaming.engine.gpt.cuda_graphs import CudaCapture
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES, Gpt, Transformer, positions_needed
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.kernels.crew import Crew
from streaming.engine.text.piece import TextPiece
from streaming.engine.vocoder.vocoder import Vocoder
from streaming.engine.vocoder.weights import SAMPLE_RATE

logger = logging.getLogger("streaming.engine.xtts")


class FrontEnd(Protocol):
    """Text to tokens: `streaming/engine/text/frontend.py`."""

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        """Each made when it is asked for. Raises ValueError at once for a language that is unknown."""

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        """The first tokens of the first piece of a text that begins with `text`, as far as they are sure. Raises ValueError
        for a language that is unknown."""

    def warm_up(self) -> None:
        """Load whatever takes long the first time."""


class Conditioner(Protocol):
    """Recordings to conditioning: `streaming/engine/conditioner.py`."""

    def compute_steps(self, clips: Sequence[bytes]) -> Generator[None, None, Conditioning]:
        """In steps, for a thread that speaks meanwhile. Raises ValueError for recordings that cannot be used."""


@dataclass(frozen=True, slots=True)
class ComputeOptions:
    """As in the settings: device (auto, cpu, cuda, cuda:N), precision (auto, fp32, fp16, bf16, int8), threads (None: one per
    core that may be used), slots (utterances at once; None: what suits the device), bytes for voices that spoke lately.
    Without `compiled_kernels` a CPU computes with PyTorch alone, in fp32, and numba is not imported."""

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    slots: int | None = None
    voice_cache_bytes: int = VOICE_CACHE_BYTES
    compiled_kernels: bool = True


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how a model computes. Comes before anything else uses PyTorch, which makes its threads once."""

    device: torch.device
    precision: str
    threads: int
    options: ComputeOptions

    @classmethod
    def begin(cls, options: ComputeOptions) -> "Compute":
        """Raises ValueError for options that do not fit this machine."""
        device = choose_device(options.device)
        precision = choose_precision(options.precision, device, compiled_kernels=options.compiled_kernels)
        threads = options.threads or usable_cores()
        torch.set_num_threads(threads)
        enter(device)
        return cls(device, precision, threads, options)


@dataclass(frozen=True, slots=True)
class SharedModel:
    """What the engine's loop works with, however the device computes. `weights` are without their layers: the transformer
    has these. `fingerprint` is equal wherever voices get the same conditioning."""

    config: SpeechConfig
    device: torch.device
    precision: str
    slots: int
    weights: GptWeights
    speakers: Speakers
    front_end: FrontEnd
    conditioner: Conditioner
    fingerprint: str

    @property
    def sample_rate(self) -> int:
        return SAMPLE_RATE

    def warm_up(self) -> None:
        """Make ready whatever takes long the first time."""

    def stop(self) -> None:
        """Release threads and memory."""


@dataclass(frozen=True, slots=True)
class Model(SharedModel):
    """For steps that are waited for. `crew`: who runs compiled kernels, if anybody does.

    `threads`: for PyTorch where it computes much, as in a voice's preparation. `speaking_threads`: for what it has to do
    while the model speaks. That is one thread where the crew runs all layers, since PyTorch's threads look for more work for
    a while after each operation, on the cores that the crew's need.
    """

    gpt: Gpt
    sampler: Sampler
    vocoder: Vocoder
    crew: Crew | None
    threads: int
    speaking_threads: int

    def warm_up(self) -> None:
        self.gpt.warm_up()

    def stop(self) -> None:
        self.gpt.stop()
        if self.crew:
            self.crew.stop()


def assemble(
    weights: SpeechWeights, compute: Compute, *, front_end: FrontEnd, conditioner: Conditioner, fingerprint: str
) -> SharedModel:
    """A `Model`, or a `streaming.engine.gpu.model.CapturedModel` where the GPU can run our kernels."""
    gpt, device, precision = weights.gpt, compute.device, compute.precision
    options = compute.options
    slots = choose_slots(
        options.slots,
        device,
        gpt,
        positions=positions_needed(gpt),
        precision=precision,
        voice_cache_bytes=options.voice_cache_bytes,
    )
    shared = SharedModel(
        weights.config,
        device,
        precision,
        slots,
        # The layers live on in the transformer, in its own form.
        replace(gpt, layers=()),
        weights.speakers,
        front_end,
        conditioner,
        fingerprint,
    )
    sampling = _sampling(weights.config)
    if device.type == "cuda" and options.compiled_kernels:
        # Here, because it brings Triton.
        from streaming.engine.gpu.support import why_not

        if not (reason := why_not(weights, device)):
            from streaming.engine.gpu.model import make_captured_model

            return make_captured_model(
                shared, weights, sampling, CudaCapture(device), CudaCapture(device), options.voice_cache_bytes
            )
        logger.warning("This GPU speaks slower than it could, without compiled kernels: %s", reason)
    # The GPT and the vocoder take turns, so they share their threads.
    crew = Crew(compute.threads) if device.type == "cpu" and options.compiled_kernels else None
    transformer = _make_transformer(gpt, device, precision, slots, crew)
    return Model(
        **shared_fields(shared),
        gpt=Gpt(shared.weights, transformer, device, voice_cache_bytes=options.voice_cache_bytes),
        sampler=_make_sampler(sampling, slots, len(gpt.audio_head.bias), device, crew),
        vocoder=Vocoder(weights.vocoder, device, vocoder_dtype(precision), crew=crew),
        crew=crew,
        threads=compute.threads,
        speaking_threads=1 if crew and precision == "int8" else compute.threads,
    )


def shared_fields(model: SharedModel) -> dict[str, Any]:
    return {field.name: getattr(model, field.name) for field in fields(SharedModel)}


def _make_transformer(
    weights: GptWeights, device: torch.device, precision: str, slots: int, crew: Crew | None
) -> Transformer:
    positions = positions_needed(weights)
    if crew and precision == "int8":
        # Here, because it brings numba, whose import takes a while.
        from streaming.engine.gpt.int8_transformer import Int8Transformer

        return Int8Transformer(weights, slots=slots, positions=positions, crew=crew)
    return TorchTransformer(
        weights,
        slots=slots,
        positions=positions,
        device=device,
        dtype=DTYPES[precision],
        capture=CudaCapture(device) if device.type == "cuda" else None,
    )


def _make_sampler(
    settings: SamplingSettings, slots: int, vocabulary: int, device: torch.device, crew: Crew | None
) -> Sampler:
    if crew:
        from streaming.engine.gpt.compiled_sampler import CompiledSampler

        return CompiledSampler(settings, slots=slots, vocabulary=vocabulary)
    return Sampler(settings, slots=slots, vocabulary=vocabulary, device=device)


def _sampling(config: SpeechConfig) -> SamplingSettings:
    return SamplingSettings(config.temperature, config.top_k, config.top_p, config.repetition_penalty)
