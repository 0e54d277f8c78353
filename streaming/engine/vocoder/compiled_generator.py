"""XTTS's HiFi-GAN generator on a window of frames, compiled for this processor: half the multiplications of the plain sums.

A window becomes a table of layers, which several threads work through side by side, each layer shared out between them. The
residual blocks' convolutions run by minimal filtering; all others are matrix products as they are.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from streaming.engine.kernels.crew import Crew
from streaming.engine.kernels.filter_layers import (
    ROWS_BEHIND,
    SCRATCH_FLOATS,
    Floats,
    LayerRow,
    Longs,
    Packed,
    pack_plain,
    pack_tiles,
    run_table,
)
from streaming.engine.kernels.float_kernels import PANEL
from streaming.engine.kernels.minimal_filtering import Doubles
from streaming.engine.kernels.processor import HAS_FUSED_MULTIPLY_ADD
from streaming.engine.vocoder.weights import Filter, HifiganWeights, Interval, PairWindow, StageWindow

# The leaky rectifiers by number: none, that of the layers, that before the last one.
SLOPES = np.array([1.0, 0.1, 0.01], np.float32)
NO_SLOPE, SLOPE, LAST_SLOPE = range(3)
# The most rows that a plain layer's filter may reach beyond the ends of its signal.
MOST_REACH = 8
_BYTES = 4


class Rows(NamedTuple):
    """A piece of a signal in memory: `length` rows of `channels` floats, the first of them at position `start`."""

    address: int
    start: int
    length: int
    channels: int

    def part(self, wanted: Interval) -> "Rows":
        """The rows at `wanted`, in place."""
        offset = (wanted.start - self.start) * self.channels * _BYTES
        return Rows(self.address + offset, wanted.start, wanted.length, self.channels)


class Arena:
    """Memory for one signal at a time. In front of it lie zeros, for filters that begin before a stream's first row."""

    def __init__(self) -> None:
        self._floats = np.zeros(0, np.float32)
        self._margin = 0

    def reserve(self, floats: int, channels: int) -> None:
        """Room for signals of up to `floats`, and on both sides for some rows of up to `channels` floats."""
        margin = (MOST_REACH + ROWS_BEHIND) * channels
        if floats + 2 * margin > len(self._floats):
            self._floats, self._margin = np.zeros(floats + 2 * margin, np.float32), margin

    def rows(self, wanted: Interval, channels: int) -> Rows:
        return Rows(self._floats.ctypes.data + self._margin * _BYTES, wanted.start, wanted.length, channels)

    def array(self, rows: Rows) -> Floats:
        start = self._margin
        return self._floats[start : start + rows.length * rows.channels].reshape(rows.length, rows.channels)


class Layer:
    """A packed filter with its bias."""

    def __init__(self, part: Filter, pack: Callable[[Doubles], Packed]) -> None:
        self.packed = pack(part.weight.double().numpy())
        self.outputs = self.packed.weights.shape[0] * PANEL
        self.bias = np.zeros(self.outputs, np.float32)
        self.bias[: len(part.bias)] = part.bias.numpy()
        self.dilation = part.dilation

    def row(self, source: Rows, target: Rows, first: int) -> LayerRow:
        """The layer's row of the table: the first tap of the target's first row is at the source's position `first`."""
        return LayerRow(
            kind=self.packed.kind,
            source=source.address,
            source_rows=source.length,
            channels=source.channels,
            first=first - source.start,
            dilation=self.dilation,
            parts=self.packed.parts,
            weights=self.packed.weights.ctypes.data,
            bias=self.bias.ctypes.data,
            target=target.address,
            target_rows=target.length,
            outputs=self.outputs,
            slope_in=SLOPE,
        )


class CompiledGenerator:
    """The network on CPU in float32, as `Generator`. One window at a time, from one thread at a time."""

    def __init__(self, weights: HifiganWeights, crew: Crew) -> None:
        """Raises ValueError where the processor or the shapes are not those that it was made for (see `is_supported`)."""
        if not is_supported(weights):
            raise ValueError("This processor or this network cannot be compiled for.")
        self._weights, self._crew = weights, crew
        self._first, self._last = Layer(weights.first, pack_plain), Layer(weights.last, pack_plain)
        self._upsamplings = [
            Layer(Filter(stage.upsampling.weight, torch.zeros(1)), pack_plain) for stage in weights.stages
        ]
        self._pairs = [
            [
                [(Layer(first, pack_tiles), Layer(second, pack_tiles)) for first, second in block.pairs]
                for block in stage.blocks
            ]
            for stage in weights.stages
        ]
        self._frames, self._summed, self._upsampled, self._hidden, self._running = (Arena() for _ in range(5))
        # What stands beyond the ends of a signal, as wide as the widest.
        self._zeros = np.zeros(max(weights.first.weight.shape[:2]), np.float32)
        self._scratch = np.zeros((crew.threads, SCRATCH_FLOATS), np.float32)
        self._meeting = np.zeros(1, np.int64)

    def __call__(self, frames: Tensor, speaker_biases: Sequence[Tensor], emitted: Interval) -> Tensor:
        """As `Generator.__call__`, window after window."""
        windows = [
            self._decode(window, [bias[min(row, len(bias) - 1)].numpy() for bias in speaker_biases], emitted)
            for row, window in enumerate(frames.numpy())
        ]
        return torch.from_numpy(np.stack(windows))

    def _decode(self, frames: Floats, biases: Sequence[Floats], emitted: Interval) -> Floats:
        wanted, windows = self._weights.windows(len(frames), emitted)
        self._reserve(frames, windows)
        source = self._frames.rows(Interval(0, len(frames)), frames.shape[1])
        self._frames.array(source)[:] = frames
        signal = self._summed.rows(wanted, self._first.outputs)
        row = self._first.row(source, signal, wanted.start - self._weights.first.reach)
        table = [row._replace(bias=biases[0].ctypes.data, slope_out=SLOPE)]
        for index, window in enumerate(windows):
            signal = self._add_stage(table, index, signal, window, biases[index + 1])
        table[-1] = table[-1]._replace(slope_out=LAST_SLOPE)
        hop = self._weights.hop
        samples = self._hidden.rows(Interval(emitted.start * hop, emitted.stop * hop), self._last.outputs)
        table.append(self._last.row(signal, samples, samples.start - self._weights.last.reach))
        self._run(np.array(table, np.int64))
        return np.tanh(self._hidden.array(samples)[:, 0])

    def _reserve(self, frames: Floats, windows: Sequence[StageWindow]) -> None:
        widths = [layer.outputs for layer in self._upsamplings]
        most = max(
            (window.upsampled.length // stage.upsampling.factor + 2) * width
            for stage, window, width in zip(self._weights.stages, windows, widths, strict=True)
        )
        most = max(most, len(frames) * self._first.outputs, windows[-1].summed.length * self._last.outputs)
        for arena in (self._summed, self._upsampled, self._hidden, self._running):
            arena.reserve(most, max(self._first.outputs, *widths))
        self._frames.reserve(frames.size, frames.shape[1])

    def _add_stage(self, table: list[LayerRow], index: int, source: Rows, window: StageWindow, bias: Floats) -> Rows:
        """The rows of a stage; returns where its sum will be."""
        stage, layer = self._weights.stages[index], self._upsamplings[index]
        factor, steps = stage.upsampling.factor, stage.upsampling.steps(window.upsampled)
        row = layer.row(
            source, self._upsampled.rows(steps, layer.outputs), stage.upsampling.inputs(window.upsampled).start
        )
        table.append(row._replace(bias=bias.ctypes.data))
        made = Interval(steps.start * factor, steps.stop * factor).moved(-stage.upsampling.padding)
        signal = self._upsampled.rows(made, layer.outputs // factor).part(window.upsampled)
        total = self._summed.rows(window.summed, signal.channels)
        for number, (block, pairs) in enumerate(zip(stage.blocks, self._pairs[index], strict=True)):
            self._add_block(table, block.steps(window.summed, window.length), pairs, signal)
            table[-1] = table[-1]._replace(target=total.address, more=total.address if number else 0)
        table[-1] = table[-1]._replace(slope_out=SLOPE)
        return total

    def _add_block(
        self,
        table: list[LayerRow],
        windows: Iterable[PairWindow],
        pairs: Sequence[tuple[Layer, Layer]],
        signal: Rows,
    ) -> None:
        running = self._running.rows(Interval(signal.start, signal.start + signal.length), signal.channels)
        for window, (first, second) in zip(windows, pairs, strict=True):
            hidden = self._hidden.rows(window.inner, signal.channels)
            table.append(first.row(signal, hidden, window.inner.start - window.first.reach))
            target = running.part(window.outer)
            row = second.row(hidden, target, window.outer.start - window.second.reach)
            table.append(row._replace(terms=signal.part(window.outer).address))
            signal = target

    def _run(self, table: Longs) -> None:
        threads, zeros, scratch = self._crew.threads, self._zeros.ctypes.data, self._scratch
        # Counts on from window to window: a thread may leave the last meeting of one when the next has begun.
        meeting = self._meeting.ctypes.data

        def work(thread: int) -> None:
            run_table(thread, threads, table, SLOPES, zeros, scratch[thread].ctypes.data, meeting)

        self._crew.run(work)


def is_supported(weights: HifiganWeights) -> bool:
    """Whether a compiled generator can be made of these weights on this processor."""
    widths = [weights.first.weight.shape[0]]
    widths += [len(stage.upsampling.weight) // stage.upsampling.factor for stage in weights.stages]
    return HAS_FUSED_MULTIPLY_ADD and all(width % PANEL == 0 for width in widths)
