"""The weights of XTTS's HiFi-GAN generator, and which part of each signal a window needs.

A window is some frames with their context on both sides, or with less where the stream begins or ends. Each layer computes
the interval that the following layers need; zeros stand in only beyond a true end. So the work shrinks from layer to
layer to the samples asked for, and no state is kept between windows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SLOPE = 0.1
LAST_SLOPE = 0.01
# XTTS has one generator: these cannot be configured and are not in a checkpoint.
FACTORS = (8, 8, 2, 2)
# Behind the first filter; each upsampling halves them.
CHANNELS = 512
DILATIONS = (1, 3, 5)
BLOCKS_PER_STAGE = 3
SAMPLE_RATE = 24_000
# From latents to frames: 1024 samples at 22 050 Hz a latent, 256 a frame; then to 24 kHz.
FRAME_SCALES = (1024 / 256, 24_000 / 22_050)
_PREFIX = "hifigan_decoder.waveform_decoder."
# The names that torch gives the two parts of a weight with weight norm, now and before: its size and its direction.
WEIGHT_NORMS = (("parametrizations.weight.original0", "parametrizations.weight.original1"), ("weight_g", "weight_v"))


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
    """An upsampling and the residual blocks after it, whose results are summed."""

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


def read_hifigan_weights(state: Mapping[str, Tensor]) -> HifiganWeights:
    """The generator in a checkpoint's weights by coqui's names, with weight norm in either form or folded. Raises KeyError
    with the name of a weight that is missing."""
    read = _Reader(state, _PREFIX)
    # The mean over a stage's blocks is left to the weights behind it: the activation between lets a factor pass.
    scales = [1.0] + [1.0 / BLOCKS_PER_STAGE] * len(FACTORS)
    stages = [
        Stage(read.upsampling(index, factor, scale), [read.block(block) for block in _blocks_of(index)])
        for index, (factor, scale) in enumerate(zip(FACTORS, scales, strict=False))
    ]
    speaker_terms = [read.speaker_term("cond_layer", "conv_pre", 1)]
    speaker_terms += [
        read.speaker_term(f"conds.{index}", f"ups.{index}", factor) for index, factor in enumerate(FACTORS)
    ]
    return HifiganWeights(read.filter("conv_pre"), stages, read.filter("conv_post", scale=scales[-1]), speaker_terms)


def channels_of(state: Mapping[str, Tensor]) -> int:
    """The channels behind the first filter of a generator that is narrower than XTTS's; where it is not, XTTS's."""
    channels = len(state.get(f"{_PREFIX}conv_pre.weight", ()))
    return channels if 0 < channels < CHANNELS and channels % 2 ** len(FACTORS) == 0 else CHANNELS


def _blocks_of(stage: int) -> range:
    return range(BLOCKS_PER_STAGE * stage, BLOCKS_PER_STAGE * (stage + 1))


@dataclass(frozen=True, slots=True)
class _Reader:
    state: Mapping[str, Tensor]
    prefix: str

    def filter(self, name: str, *, dilation: int = 1, scale: float = 1.0) -> Filter:
        weight = self._weight(name)
        # The last filter has no bias.
        bias = self.state.get(f"{self.prefix}{name}.bias", torch.zeros(len(weight)))
        return Filter(weight * scale, bias, dilation)

    def block(self, number: int) -> ResidualBlock:
        name = f"resblocks.{number}"
        return ResidualBlock(
            [
                (self.filter(f"{name}.convs1.{index}", dilation=dilation), self.filter(f"{name}.convs2.{index}"))
                for index, dilation in enumerate(DILATIONS)
            ]
        )

    def upsampling(self, number: int, factor: int, scale: float) -> Upsampling:
        weight = self._weight(f"ups.{number}") * scale
        inputs, outputs, taps = weight.shape
        steps = -(-taps // factor)
        weight = functional.pad(weight, (0, steps * factor - taps)).view(inputs, outputs, steps, factor)
        weight = weight.flip(2).permute(3, 1, 0, 2).reshape(factor * outputs, inputs, steps)
        return Upsampling(weight, factor, (taps - factor) // 2)

    def speaker_term(self, layer: str, behind: str, repeats: int) -> tuple[Tensor, Tensor]:
        """A layer for the speaker, with the bias of the filter whose output it is added to."""
        weight = self._weight(layer)[:, :, 0]
        bias = self.state[f"{self.prefix}{layer}.bias"] + self.state[f"{self.prefix}{behind}.bias"]
        return weight.repeat(repeats, 1), bias.repeat(repeats)

    def _weight(self, name: str) -> Tensor:
        name = self.prefix + name
        for size, direction in WEIGHT_NORMS:
            if f"{name}.{size}" in self.state:
                weight: Tensor = torch._weight_norm(self.state[f"{name}.{direction}"], self.state[f"{name}.{size}"])
                return weight
        return self.state[f"{name}.weight"]
