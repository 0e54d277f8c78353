"""The weights of XTTS's HiFi-GAN generator, and which part of each signal a window needs.

A window is some frames with their context on both sides, or with less where the stream begins or ends. Each layer computes
the interval that the layers behind it still need; zeros stand in only beyond a true end. So the work shrinks from layer to
layer to the samples asked for, and no state is kept between windows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SLOPE = 0.1
LAST_SLOPE = 0.01


class Interval(NamedTuple):
    """Positions start to stop of a signal, at that signal's own rate, counted from the start of the window."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    def moved(self, by: int) -> "Interval":
        return Interval(self.start + by, self.stop + by)

    def widened(self, by: int) -> "Interval":
        return Interval(self.start - by, self.stop + by)

    def within(self, length: int) -> "Interval":
        return Interval(max(self.start, 0), min(self.stop, length))


@dataclass(frozen=True, slots=True)
class Filter:
    """A convolution along time: weight (outputs, inputs, taps), bias (outputs,)."""

    weight: Tensor
    bias: Tensor
    dilation: int = 1

    @property
    def reach(self) -> int:
        return (self.weight.shape[2] - 1) * self.dilation // 2


@dataclass(frozen=True, slots=True)
class Upsampling:
    """A transposed convolution, as a convolution that gives all `factor` outputs of a step at once: weight (factor *
    outputs, inputs, steps), the outputs of a step one after the other. The bias comes with the speaker."""

    weight: Tensor
    factor: int
    padding: int

    def steps(self, outputs: Interval) -> Interval:
        """The steps that make `outputs`. Step 0 makes the outputs from -padding on."""
        return Interval(
            (outputs.start + self.padding) // self.factor, (outputs.stop - 1 + self.padding) // self.factor + 1
        )

    def inputs(self, outputs: Interval) -> Interval:
        """The inputs that go into `outputs`; may reach beyond the signal's ends."""
        start, stop = self.steps(outputs)
        return Interval(start - self.weight.shape[2] + 1, stop)


class PairWindow(NamedTuple):
    """A pair of a block, with the intervals that its first (inner) and its second filter (outer) have to make."""

    first: Filter
    second: Filter
    inner: Interval
    outer: Interval


@dataclass(frozen=True, slots=True)
class ResidualBlock:
    """Pairs of convolutions, each pair's result added to its input."""

    pairs: Sequence[tuple[Filter, Filter]]

    @property
    def reach(self) -> int:
        return sum(first.reach + second.reach for first, second in self.pairs)

    def steps(self, outputs: Interval, length: int) -> Iterator[PairWindow]:
        """What each pair makes towards `outputs`, for a signal of `length` positions in all."""
        reach = self.reach
        for first, second in self.pairs:
            reach -= first.reach + second.reach
            outer = outputs.widened(reach).within(length)
            yield PairWindow(first, second, outer.widened(second.reach).within(length), outer)


@dataclass(frozen=True, slots=True)
class Stage:
    """An upsampling and the residual blocks behind it, whose results are summed."""

    upsampling: Upsampling
    blocks: Sequence[ResidualBlock]

    @property
    def reach(self) -> int:
        return max(block.reach for block in self.blocks)


class StageWindow(NamedTuple):
    """What a stage makes: the upsampled signal (of `length` positions in all) in one interval, the sum in another."""

    upsampled: Interval
    summed: Interval
    length: int


@dataclass(frozen=True, slots=True)
class HifiganWeights:
    """`speaker_terms`: weight (outputs, speaker size) and bias of what the first filter and each upsampling get as bias."""

    first: Filter
    stages: Sequence[Stage]
    last: Filter
    speaker_terms: Sequence[tuple[Tensor, Tensor]]

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(stage.upsampling.factor for stage in self.stages)

    @property
    def context(self) -> int:
        """The frames on each side of a frame that go into its samples."""
        far = 1000
        first, _ = self.windows(2 * far + 1, Interval(far, far + 1))
        return far - first.widened(self.first.reach).start

    def windows(self, frames: int, emitted: Interval) -> tuple[Interval, list[StageWindow]]:
        """What the samples of frames `emitted`, of `frames`, take: of the first filter's outputs, and of each stage."""
        length = self.hop * frames
        wanted = Interval(emitted.start * self.hop, emitted.stop * self.hop).widened(self.last.reach).within(length)
        stages = []
        for stage in reversed(self.stages):
            upsampled = wanted.widened(stage.reach).within(length)
            stages.append(StageWindow(upsampled, wanted, length))
            length //= stage.upsampling.factor
            wanted = stage.upsampling.inputs(upsampled).within(length)
        return wanted, stages[::-1]

    def speaker_biases(self, speakers: Tensor) -> list[Tensor]:
        """The biases (speakers, outputs) of the first filter and of each upsampling, for embeddings (speakers, size)."""
        return [functional.linear(speakers, weight, bias) for weight, bias in self.speaker_terms]


def read_weights(module: Any) -> HifiganWeights:
    """The weights of coqui's `HifiganGenerator` with blocks of type 1, weight norm folded or not, in float32 on the CPU."""
    count = len(module.resblocks) // len(module.ups)
    blocks = [_read_block(block) for block in module.resblocks]
    # The mean over a stage's blocks is left to the weights behind it: the activation between lets a factor pass.
    scales = [1.0] + [1.0 / count] * len(module.ups)
    stages = [
        Stage(_read_upsampling(up, scale), blocks[count * index : count * (index + 1)])
        for index, (up, scale) in enumerate(zip(module.ups, scales, strict=False))
    ]
    speaker_terms = [_read_speaker_term(module.cond_layer, module.conv_pre.bias, 1)]
    for layer, up in zip(module.conds, module.ups, strict=True):
        speaker_terms.append(_read_speaker_term(layer, up.bias, up.stride[0]))
    return HifiganWeights(
        _read_filter(module.conv_pre), stages, _read_filter(module.conv_post, scales[-1]), speaker_terms
    )


def _plain(weight: Tensor) -> Tensor:
    return weight.detach().to("cpu", torch.float32)


def _read_filter(module: Any, scale: float = 1.0) -> Filter:
    bias = torch.zeros(module.out_channels) if module.bias is None else _plain(module.bias)
    return Filter(_plain(module.weight) * scale, bias, module.dilation[0])


def _read_block(module: Any) -> ResidualBlock:
    pairs = zip(module.convs1, module.convs2, strict=True)
    return ResidualBlock([(_read_filter(first), _read_filter(second)) for first, second in pairs])


def _read_upsampling(module: Any, scale: float) -> Upsampling:
    weight, factor = _plain(module.weight) * scale, module.stride[0]
    inputs, outputs, taps = weight.shape
    steps = -(-taps // factor)
    weight = functional.pad(weight, (0, steps * factor - taps)).view(inputs, outputs, steps, factor)
    weight = weight.flip(2).permute(3, 1, 0, 2).reshape(factor * outputs, inputs, steps)
    return Upsampling(weight, factor, (taps - factor) // 2)


def _read_speaker_term(layer: Any, bias: Tensor, repeats: int) -> tuple[Tensor, Tensor]:
    weight, bias = _plain(layer.weight)[:, :, 0], _plain(layer.bias) + _plain(bias)
    return weight.repeat(repeats, 1), bias.repeat(repeats)
