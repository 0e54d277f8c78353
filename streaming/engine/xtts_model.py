"""An XTTS checkpoint made ready to speak: which device, which precision, how many threads, and what follows from them."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from streaming.engine.checkpoint import XttsParts, load_checkpoint
from streaming.engine.checkpoint_files import find_checkpoint
from streaming.engine.conditioning import Conditioner
from streaming.engine.crew import Crew
from streaming.engine.gpt import Gpt, Transformer, positions_needed
from streaming.engine.gpt_weights import GptWeights, take_weights
from streaming.engine.sampling import Sampler, SamplingSettings
from streaming.engine.text_frontend import TextFrontEnd
from streaming.engine.transformer import TorchTransformer
from streaming.engine.vocoder import Vocoder

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """As in the settings: paths, device (auto, cpu, cuda, cuda:N), precision (auto, fp32, fp16, bf16, int8), threads (None:
    one per core), slots (utterances at once)."""

    checkpoint_path: str
    config_path: str | None = None
    tokenizer_path: str | None = None
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    slots: int = 2


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that the engine's loop works with. `parts` has lost the weights that the others have taken over."""

    parts: XttsParts
    device: torch.device
    precision: str
    weights: GptWeights
    gpt: Gpt
    sampler: Sampler
    vocoder: Vocoder
    conditioner: Conditioner
    front_end: TextFrontEnd
    crew: Crew | None

    def stop(self) -> None:
        self.gpt.stop()
        if self.crew:
            self.crew.stop()


def load_model(options: ModelOptions) -> Model:
    """Raises CheckpointError for a checkpoint, ValueError for options that do not fit this machine."""
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    threads = options.threads or os.cpu_count() or 1
    # Before anything else uses torch: its thread pool is made once.
    torch.set_num_threads(threads)
    paths = [Path(path) if path else None for path in (options.config_path, options.tokenizer_path)]
    parts = load_checkpoint(find_checkpoint(paths[0], Path(options.checkpoint_path), paths[1]))
    weights = take_weights(parts.model.gpt)
    # The GPT and the vocoder take turns, so they share their threads.
    crew = Crew(threads) if device.type == "cpu" else None
    transformer = _make_transformer(weights, device, precision, options.slots, crew)
    # The layers live on in the transformer, in its own form.
    weights = replace(weights, layers=())
    gpt_module, decoder = parts.model.gpt, parts.model.hifigan_decoder
    vocoder = Vocoder(decoder, device, _DTYPES.get(precision, torch.float32), crew=crew)
    del gpt_module.gpt, decoder.waveform_decoder
    args = parts.config.model_args
    front_end = TextFrontEnd(
        parts.tokenizer,
        languages=parts.config.languages,
        max_text_tokens=args.gpt_max_text_tokens,
        max_audio_tokens=weights.max_audio_tokens,
    )
    return Model(
        parts,
        device,
        precision,
        weights,
        Gpt(weights, transformer, device),
        Sampler(_sampling(parts.config), slots=options.slots, vocabulary=len(weights.audio_head.bias), device=device),
        vocoder,
        Conditioner(parts, device),
        front_end,
        crew,
    )


def choose_device(name: str) -> torch.device:
    """Raises ValueError for a GPU that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"model.device is {name}, but PyTorch finds no CUDA GPU here.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"model.device is {name}, but there are only {torch.cuda.device_count()} GPUs here.")
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """auto: int8 on a CPU, fp16 on a GPU. Raises ValueError for a precision that the device is no good at."""
    if name == "auto":
        return "fp16" if device.type == "cuda" else "int8"
    if device.type == "cuda" and name == "int8":
        raise ValueError("model.precision int8 is for CPUs; on a GPU use fp16, bf16 or fp32.")
    if device.type == "cpu" and name in ("fp16", "bf16"):
        raise ValueError(f"model.precision {name} is for GPUs; on a CPU use int8 or fp32.")
    return name


def _make_transformer(
    weights: GptWeights, device: torch.device, precision: str, slots: int, crew: Crew | None
) -> Transformer:
    positions = positions_needed(weights)
    if crew and precision == "int8":
        # Here, because it brings numba, whose import takes a while.
        from streaming.engine.int8_transformer import Int8Transformer

        return Int8Transformer(weights, slots=slots, positions=positions, crew=crew)
    dtype = _DTYPES[precision]
    return TorchTransformer(weights, slots=slots, positions=positions, device=device, dtype=dtype)


def _sampling(config: Any) -> SamplingSettings:
    return SamplingSettings(
        temperature=float(config.temperature),
        top_k=int(config.top_k),
        top_p=float(config.top_p),
        repetition_penalty=float(config.repetition_penalty),
    )
