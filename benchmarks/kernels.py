"""The compiled kernels against what PyTorch has for the same work, in turns, in one process.

    .venv/bin/python benchmarks/kernels.py [--size full] [--threads 2] [--repeats 15] [--only NAME] [--json FILE]

Random weights of the real size; neither a checkpoint nor coqui-tts is needed. Each figure is the least of the repeats: it is
nearest to that of a machine with nothing else to do. `--only filter` measures the comparisons with that word in their name.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.provenance import provenance
from streaming.engine.checkpoint.random_weights import random_speech_weights
from streaming.engine.gpt.gpt import positions_needed
from streaming.engine.gpt.int8_transformer import Int8Transformer
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.kernels.crew import Crew
from streaming.engine.kernels.filter_layers import (
    SCRATCH_FLOATS,
    Floats,
    LayerRow,
    Packed,
    pack_plain,
    pack_tiles,
    run_table,
)
from streaming.engine.kernels.row_arithmetic import gelu
from streaming.engine.vocoder.vocoder import Vocoder
from streaming.engine.vocoder.weights import HifiganWeights

Work = Callable[[], object]
POSITION = 100
CHANNELS, ROWS = 256, 512
NO_SLOPE = np.ones(1, np.float32)


class Comparison(NamedTuple):
    """What is compared, and each contender by its name; the first is ours."""

    name: str
    contenders: dict[str, Work]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    weights, crew = random_speech_weights(options.size), Crew(options.threads)
    result = provenance() | {"size": options.size, "threads": options.threads, "milliseconds": {}}
    print(json.dumps(result, indent=2))
    with torch.inference_mode():
        for made in (
            _transformers(weights.gpt, crew),
            _vocoders(weights.vocoder, crew),
            _filters(crew),
            _smaller(),
        ):
            for comparison in made:
                if options.only in comparison.name:
                    result["milliseconds"][comparison.name] = _compare(comparison, options.repeats)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


def _compare(comparison: Comparison, repeats: int) -> dict[str, float]:
    """In turns, so that a machine that is busy for a while is so for all of them."""
    taken: dict[str, list[float]] = {name: [] for name in comparison.contenders}
    for repeat in range(repeats + 2):
        for name, work in comparison.contenders.items():
            begun = time.perf_counter()
            work()
            if repeat >= 2:
                taken[name].append(time.perf_counter() - begun)
    found = {name: 1000 * min(seconds) for name, seconds in taken.items()}
    ours = next(iter(found.values()))
    print(comparison.name, *(f"{name} {ms:.3f} ms ({ms / ours:.2f})" for name, ms in found.items()), sep=" | ")
    return found


def _transformers(weights: GptWeights, crew: Crew) -> Iterator[Comparison]:
    """All layers, rows of different sequences; `library int8`: PyTorch's products of the linears alone, with one scale for
    all rows."""
    positions = positions_needed(weights)
    ours = Int8Transformer(weights, slots=8, positions=positions, crew=crew)
    cpu = torch.device("cpu")
    floats = TorchTransformer(weights, slots=8, positions=positions, device=cpu, dtype=torch.float32)
    linears = _library_linears(weights)
    for rows in (1, 2, 4, 8):
        hidden, slots, places = torch.randn(rows, weights.width), list(range(rows)), [POSITION] * rows
        contenders: dict[str, Work] = {
            "ours int8": lambda h=hidden, s=slots, p=places: ours.forward(h, s, p),  # type: ignore[misc]
            "PyTorch fp32": lambda h=hidden, s=slots, p=places: floats.forward(h, s, p),  # type: ignore[misc]
            "library int8, linears alone": lambda rows=rows: linears(rows),  # type: ignore[misc]
        }
        yield Comparison(f"transformer, {rows} rows", contenders)


def _library_linears(weights: GptWeights) -> Callable[[int], None]:
    prepack, multiply = torch.ops.quantized.linear_prepack, torch.ops.quantized.linear_dynamic
    packed: list[tuple[int, object]] = []
    with warnings.catch_warnings(action="ignore"):  # that it will be removed
        for layer in weights.layers:
            for linear in (layer.attention_in, layer.attention_out, layer.mlp_in, layer.mlp_out):
                scale = linear.weight.abs().amax(dim=1).clamp(min=1e-12) / 127
                zeros = torch.zeros(len(scale), dtype=torch.int64)
                rounded = torch.quantize_per_channel(linear.weight, scale, zeros, 0, torch.qint8)
                packed.append((linear.weight.shape[1], prepack(rounded, linear.bias)))

    def run(rows: int) -> None:
        for width, weight in packed:
            multiply(inputs[rows, width], weight)

    inputs = {(rows, width): torch.randn(rows, width) for rows in (1, 2, 4, 8) for width, _ in packed}
    return run


def _vocoders(weights: HifiganWeights, crew: Crew) -> Iterator[Comparison]:
    ours, theirs = Vocoder(weights, crew=crew), Vocoder(weights)
    for count in (4, 10, 20):
        latents, speaker = torch.randn(count, weights.first.weight.shape[1]), torch.randn(512)

        def decode(vocoder: Vocoder, latents: Tensor = latents, speaker: Tensor = speaker) -> None:
            stream = vocoder.stream(speaker)
            stream.push(latents)
            stream.decode(last=True)

        contenders: dict[str, Work] = {
            "ours fp32": lambda decode=decode: decode(ours),  # type: ignore[misc]
            "PyTorch fp32": lambda decode=decode: decode(theirs),  # type: ignore[misc]
        }
        yield Comparison(f"vocoder, {count} latents", contenders)


def _filters(crew: Crew) -> Iterator[Comparison]:
    """One layer of CHANNELS channels over ROWS rows: minimal filtering, the plain sums in our own product, PyTorch."""
    for taps in (3, 7, 11):
        signal = np.random.default_rng(0).standard_normal((ROWS + 64, CHANNELS), np.float32)
        weight = np.random.default_rng(1).standard_normal((CHANNELS, CHANNELS, taps))
        filters, frames = torch.from_numpy(weight).float(), torch.from_numpy(signal[: ROWS + taps - 1].T[None].copy())
        contenders: dict[str, Work] = {
            "minimal filtering": _layer(crew, pack_tiles(weight), signal),
            "plain sums": _layer(crew, pack_plain(weight), signal),
            "PyTorch": lambda frames=frames, filters=filters: functional.conv1d(frames, filters),  # type: ignore[misc]
        }
        yield Comparison(f"filter of {taps} taps", contenders)


def _layer(crew: Crew, packed: Packed, signal: Floats) -> Work:
    bias, zeros = np.zeros(CHANNELS, np.float32), np.zeros(CHANNELS, np.float32)
    target, meeting = np.zeros((ROWS, CHANNELS), np.float32), np.zeros(1, np.int64)
    scratch = np.zeros((crew.threads, SCRATCH_FLOATS), np.float32)
    row = LayerRow(
        kind=packed.kind,
        source=signal.ctypes.data,
        source_rows=len(signal),
        channels=CHANNELS,
        first=0,
        dilation=1,
        parts=packed.parts,
        weights=packed.weights.ctypes.data,
        bias=bias.ctypes.data,
        target=target.ctypes.data,
        target_rows=ROWS,
        outputs=CHANNELS,
    )
    table = np.array([row], np.int64)

    def work(thread: int) -> None:
        address = scratch[thread].ctypes.data
        run_table(thread, crew.threads, table, NO_SLOPE, zeros.ctypes.data, address, meeting.ctypes.data)

    # The arrays have to live as long as their addresses.
    return lambda kept=(packed, bias, target): crew.run(work)  # type: ignore[misc]


def _smaller() -> Iterator[Comparison]:
    row = np.random.default_rng(0).standard_normal(4096, np.float32)
    tensor = torch.from_numpy(row.copy())
    contenders: dict[str, Work] = {
        "ours": lambda: [gelu(row) for _ in range(100)],
        "PyTorch": lambda: [functional.gelu(tensor, approximate="tanh") for _ in range(100)],
    }
    yield Comparison("gelu of 4096 values, 100 times", contenders)


if __name__ == "__main__":
    main()
