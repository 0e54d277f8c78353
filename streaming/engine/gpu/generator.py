"""XTTS's HiFi-GAN generator on windows of fixed shape, in Triton: a kernel for each convolution, with its activation, bias
and
sums, and with zeros beyond the signal's true ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.gpu.convolution_kernels import convolve
from streaming.engine.vocoder.weights import (
    LAST_SLOPE,
    SLOPE,
    Filter,
    HifiganWeights,
    Interval,
    PairWindow,
    StageWindow,
)

# The narrowest that tensor cores multiply.
FEWEST_OUTPUTS = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of each window's signal: data (windows, time, channels) from position `start` on, at `rate` positions a
    frame."""

    data: Tensor
    start: int
    rate: int


class Layer:
    """A filter as the kernel takes it: weight (taps, inputs, outputs), bias (1, outputs)."""

    def __init__(self, part: Filter, device: torch.device, dtype: torch.dtype) -> None:
        missing = FEWEST_OUTPUTS - len(part.weight) if len(part.weight) == 1 else 0
        self.weight = functional.pad(part.weight.permute(2, 1, 0), (0, missing)).to(device, dtype).contiguous()
        self.bias = functional.pad(part.bias, (0, missing)).to(device, torch.float32)[None]
        self.dilation, self.reach = part.dilation, part.reach

    def result(self, windows: int, rows: int) -> Tensor:
        return torch.empty(windows, rows, self.weight.shape[2], device=self.weight.device, dtype=self.weight.dtype)

    def make(
        self,
        source: Piece,
        wanted: Interval,
        bounds: Tensor,
        slope: float,
        *,
        bias: Tensor | None = None,
        residual: Piece | None = None,
        total: Tensor | None = None,
    ) -> Piece:
        """The outputs at the positions `wanted`."""
        out = convolve(
            source.data,
            self.weight,
            self.bias if bias is None else bias,
            self.result(len(source.data), wanted.length),
            bounds,
            skip=wanted.start - self.reach - source.start,
            start=wanted.start,
            rate=source.rate,
            dilation=self.dilation,
            slope=slope,
            residual=residual.data if residual else None,
            residual_skip=wanted.start - residual.start if residual else 0,
            total=total,
        )
        return Piece(out, wanted.start, source.rate)


class WindowGenerator:
    """Windows with the full context on both sides in, the samples between out. Frames of a window that lie beyond the true
    ends of its stream have to be zeros, and `bounds` says where these ends are."""

    def __init__(self, weights: HifiganWeights, device: torch.device, dtype: torch.dtype) -> None:
        self._weights = weights
        make = partial(Layer, device=device, dtype=dtype)
        self._first, self._last = make(weights.first), make(weights.last)
        self._upsamplings = [
            make(Filter(stage.upsampling.weight, torch.zeros(len(stage.upsampling.weight)))) for stage in weights.stages
        ]
        self._blocks = [
            [[(make(first), make(second)) for first, second in block.pairs] for block in stage.blocks]
            for stage in weights.stages
        ]

    def __call__(self, frames: Tensor, speaker_biases: Sequence[Tensor], bounds: Tensor) -> Tensor:
        """frames (windows, context + n + context, channels), speaker_biases as `HifiganWeights` gives them, in float32,
        bounds (windows, 2) int32 in frames. The samples (windows, hop * n), float32."""
        count, context, hop = frames.shape[1], self._weights.context, self._weights.hop
        wanted, windows = self._weights.windows(count, Interval(context, count - context))
        signal = self._first.make(Piece(frames, 0, 1), wanted, bounds, 1.0, bias=speaker_biases[0])
        for index, (window, bias) in enumerate(zip(windows, speaker_biases[1:], strict=True)):
            signal = self._run_stage(index, self._upsample(index, signal, window, bias, bounds), window, bounds)
        samples = Interval(context * hop, (count - context) * hop)
        return torch.tanh(self._last.make(signal, samples, bounds, LAST_SLOPE).data[:, :, 0].float())

    def _upsample(self, index: int, signal: Piece, window: StageWindow, bias: Tensor, bounds: Tensor) -> Piece:
        upsampling, layer = self._weights.stages[index].upsampling, self._upsamplings[index]
        steps, factor = upsampling.steps(window.upsampled), upsampling.factor
        start, rate = steps.start * factor - upsampling.padding, signal.rate * factor
        out = convolve(
            signal.data,
            layer.weight,
            bias,
            layer.result(len(signal.data), steps.length),
            bounds,
            skip=upsampling.inputs(window.upsampled).start - signal.start,
            start=start,
            rate=rate,
            slope=SLOPE,
            factor=factor,
        )
        return Piece(out.view(len(out), steps.length * factor, -1), start, rate)

    def _run_stage(self, index: int, signal: Piece, window: StageWindow, bounds: Tensor) -> Piece:
        summed: Piece | None = None
        for block, layers in zip(self._weights.stages[index].blocks, self._blocks[index], strict=True):
            total = summed.data if summed else None
            summed = _run_block(block.steps(window.summed, window.length), layers, signal, bounds, total)
        if summed is None:
            raise RuntimeError("A stage has no blocks.")
        return summed


def _run_block(
    steps: Iterator[PairWindow],
    layers: Sequence[tuple[Layer, Layer]],
    signal: Piece,
    bounds: Tensor,
    total: Tensor | None,
) -> Piece:
    """The block's outputs, plus `total`."""
    for number, (step, (first, second)) in enumerate(zip(steps, layers, strict=True), start=1):
        hidden = first.make(signal, step.inner, bounds, SLOPE)
        more = total if number == len(layers) else None
        signal = second.make(hidden, step.outer, bounds, SLOPE, residual=signal, total=more)
    return signal
