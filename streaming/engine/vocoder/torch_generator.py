"""XTTS's HiFi-GAN generator on a window of frames, in torch: exactly the samples that the whole utterance would give there.

Convolutions run unpadded on the intervals that are needed. Signals are channels-last, (windows, time, channels): the form in
which oneDNN and cuDNN are fastest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.vocoder.weights import (
    LAST_SLOPE,
    SLOPE,
    Filter,
    HifiganWeights,
    Interval,
    ResidualBlock,
    StageWindow,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a signal of `length` positions that has been computed: data (windows, time, channels), from `start` on."""

    data: Tensor
    start: int
    length: int

    def cut(self, wanted: Interval) -> Tensor:
        """The signal in `wanted`, which may reach beyond the signal's ends: zeros there."""
        start, stop = wanted.within(self.length)
        data = self.data[:, start - self.start : stop - self.start]
        if (start, stop) != wanted:
            data = functional.pad(data, (0, 0, start - wanted.start, wanted.stop - stop))
        return data


class Convolution:
    """Unpadded: (windows, time, inputs) to (windows, time - (taps - 1) * dilation, outputs)."""

    def __init__(self, part: Filter, device: torch.device, dtype: torch.dtype) -> None:
        weight = part.weight.unsqueeze(2).to(device, dtype)
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = part.bias.unsqueeze(0).to(device, dtype)
        self._dilation = (1, part.dilation)

    def __call__(self, signal: Tensor, biases: Tensor | None = None) -> Tensor:
        """`biases` (windows, outputs), in place of the filter's own."""
        biases = self._bias if biases is None else biases
        bias = biases[0] if len(biases) == 1 else None
        image = signal.transpose(1, 2).unsqueeze(2)
        result = functional.conv2d(image, self._weight, bias, dilation=self._dilation).squeeze(2).transpose(1, 2)
        return result if bias is not None else result.add_(biases.unsqueeze(1))


class Generator:
    """The network: windows of frames in, samples out."""

    def __init__(self, weights: HifiganWeights, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._weights = weights
        self._first, self._last = self._convolution(weights.first), self._convolution(weights.last)
        self._upsamplings = [
            self._convolution(Filter(stage.upsampling.weight, torch.zeros(1))) for stage in weights.stages
        ]
        self._blocks = [
            [[tuple(map(self._convolution, pair)) for pair in block.pairs] for block in stage.blocks]
            for stage in weights.stages
        ]

    def _convolution(self, part: Filter) -> Convolution:
        return Convolution(part, self._device, self._dtype)

    def __call__(self, frames: Tensor, speaker_biases: Sequence[Tensor], emitted: Interval) -> Tensor:
        """The samples of frames `emitted`, (windows, hop * emitted frames) in float32.

        `frames` (windows, n, channels) is the signal, or as much of it as lies up to `context` frames beyond `emitted`;
        `speaker_biases` as `HifiganWeights` gives them.
        """
        count, weights = frames.shape[1], self._weights
        wanted, stages = weights.windows(count, emitted)
        biases, *stage_biases = (bias.to(self._device, self._dtype) for bias in speaker_biases)
        first = Piece(frames.to(self._dtype), 0, count).cut(wanted.widened(weights.first.reach))
        signal = Piece(self._first(first, biases), wanted.start, count)
        for index, (window, biases) in enumerate(zip(stages, stage_biases, strict=True)):
            functional.leaky_relu_(signal.data, SLOPE)
            signal = self._run_stage(index, signal, window, biases)
        functional.leaky_relu_(signal.data, LAST_SLOPE)
        samples = Interval(emitted.start * weights.hop, emitted.stop * weights.hop)
        return torch.tanh(self._last(signal.cut(samples.widened(weights.last.reach))).squeeze(2).float())

    def _run_stage(self, index: int, signal: Piece, window: StageWindow, biases: Tensor) -> Piece:
        signal = self._upsample(index, signal, window, biases)
        activated = Piece(functional.leaky_relu(signal.data, SLOPE), signal.start, signal.length)
        total, *others = (
            _run_block(block, convolutions, signal, activated, window.summed)
            for block, convolutions in zip(self._weights.stages[index].blocks, self._blocks[index], strict=True)
        )
        for other in others:
            total.add_(other)
        return Piece(total, window.summed.start, window.length)

    def _upsample(self, index: int, signal: Piece, window: StageWindow, biases: Tensor) -> Piece:
        upsampling, wanted = self._weights.stages[index].upsampling, window.upsampled
        result = self._upsamplings[index](signal.cut(upsampling.inputs(wanted)), biases)
        result = result.reshape(len(result), result.shape[1] * upsampling.factor, -1)
        skipped = wanted.start - (upsampling.steps(wanted).start * upsampling.factor - upsampling.padding)
        return Piece(result[:, skipped : skipped + wanted.length], wanted.start, window.length)


def _run_block(
    block: ResidualBlock,
    convolutions: Sequence[tuple[Convolution, ...]],
    signal: Piece,
    activated: Piece | None,
    wanted: Interval,
) -> Tensor:
    """The block's outputs `wanted`; `activated` is the signal after the activation, which several blocks share."""
    length = signal.length
    for step, (first, second) in zip(block.steps(wanted, length), convolutions, strict=True):
        activated = activated or Piece(functional.leaky_relu(signal.data, SLOPE), signal.start, length)
        hidden = Piece(first(activated.cut(step.inner.widened(step.first.reach))), step.inner.start, length)
        functional.leaky_relu_(hidden.data, SLOPE)
        change = second(hidden.cut(step.outer.widened(step.second.reach)))
        signal, activated = Piece(change.add_(signal.cut(step.outer)), step.outer.start, length), None
    return signal.data
