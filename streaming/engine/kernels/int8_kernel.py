"""A GPT-2 transformer in int8, compiled for the processor that it runs on: one function that all threads run side by side.

Weights are int8 with a scale for each output and each GROUP of inputs; activations are quantised row by row to 16 bits,
which leaves the weights as the only coarse part (what multiplies them takes 16 bits either way). Sums of integers are exact,
those of floats are taken in one order, and attention runs over one row at a time, so a row comes out the same to the last
bit, whatever stands next to it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streaming.engine.kernels.attention import attend
from streaming.engine.kernels.compiled import compiled_with_reordered_sums as _compile
from streaming.engine.kernels.int8_product import (
    GROUP,
    GROUP_BYTES,
    MOST_ROWS,
    PANEL,
    product_1,
    product_2,
    product_3,
    product_4,
    product_6,
    product_8,
    product_12,
)
from streaming.engine.kernels.row_arithmetic import gelu, narrow_all, normalise, quantise
from streaming.engine.kernels.simd import wait_for_all

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]
Halves = NDArray[np.uint16]
Shorts = NDArray[np.int16]
Longs = NDArray[np.int64]

# The inputs of rows that take turns with a panel of weights: what stays in a core's second-level cache beside it.
ROWS_INPUTS = 1 << 18
# Rows a power of two apart would fall into the same few lines of the cache.
PADDING = 32


class Linear(NamedTuple):
    """Every layer's linear of one kind: weight [layers, panels, groups, GROUP_BYTES] with its scales, bias [layers, panels *
    PANEL]. Outputs that fill up the last panel are zero."""

    weight: Bytes
    bias: Floats


class Norm(NamedTuple):
    """Every layer's norm of one kind: [layers, width]."""

    weight: Floats
    bias: Floats


class Layers(NamedTuple):
    norm_1: Norm
    attention_in: Linear
    attention_out: Linear
    norm_2: Norm
    mlp_in: Linear
    mlp_out: Linear


class Cache(NamedTuple):
    """Keys and values as bfloat16 bit patterns: [layers, slots, heads, positions, head size]."""

    keys: Halves
    values: Halves


class Scratch(NamedTuple):
    """Room for the rows of one call. hidden [rows, width] is input and output."""

    hidden: Floats
    mixed: Floats  # [rows, width], out of attention
    wide: Floats  # [rows, 4 * width]
    # [rows, width and 4 * width, and PADDING]: a layer's input, after rounding.
    narrow_input: Shorts
    wide_input: Shorts
    row_scale: Floats  # [rows]
    scores: Floats  # [threads, positions]
    meeting: Longs  # [1], the barrier


@_compile
def _multiply_rows(
    left: int, panel: int, x: int, stride: int, groups: int, row_scales: int, bias: int, add: int, out: int, step: int
) -> int:
    """One panel times as many of the `left` rows as a tile holds; returns how many. See `int8_product.make_product`."""
    if left >= 12 and MOST_ROWS >= 12:
        product_12(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 12
    if left >= 8 and MOST_ROWS >= 8:
        product_8(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 8
    if left >= 6:
        product_6(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 6
    if left >= 4:
        product_4(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 4
    if left == 3:
        product_3(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 3
    if left == 2:
        product_2(panel, x, stride, groups, row_scales, bias, add, out, step)
        return 2
    product_1(panel, x, stride, groups, row_scales, bias, add, out, step)
    return 1


@_compile
def _linear(
    layer: int, linear: Linear, first: int, last: int, rows: int, scratch: Scratch, out: Floats, add: int
) -> None:
    """Panels first to last of a linear, for all rows: written to `out`, or added to it."""
    weight, bias = linear.weight[layer], linear.bias[layer]
    groups = weight.shape[1]
    inputs = groups * GROUP
    quantised = scratch.narrow_input if inputs == scratch.hidden.shape[1] else scratch.wide_input
    stride, step = quantised.shape[1], out.shape[1]
    # As many rows as fit the second cache, so that a weight is read from memory once for all of them.
    together = max(MOST_ROWS, ROWS_INPUTS // inputs)
    for start in range(0, rows, together):
        end = min(rows, start + together)
        for panel in range(first, last):
            begin = panel * PANEL
            row = start
            while row < end:
                row += _multiply_rows(
                    end - row,
                    weight.ctypes.data + panel * groups * GROUP_BYTES,
                    quantised.ctypes.data + 2 * row * stride,
                    stride,
                    groups,
                    scratch.row_scale.ctypes.data + 4 * row,
                    bias.ctypes.data + 4 * begin,
                    add,
                    out.ctypes.data + 4 * (row * step + begin),
                    step,
                )


@_compile
def _store(
    cache: Cache, layer: int, slots: Longs, positions: Longs, first: int, last: int, rows: int, wide: Floats
) -> None:
    """Keys and values of the outputs first to last (queries, keys, values, one after the other) into the cache."""
    width, size = wide.shape[1] // 4, cache.keys.shape[4]
    for row in range(rows):
        start = max(first, width)
        while start < last:
            # What is left of one head.
            channel = start % width
            head, offset = channel // size, channel % size
            target = (cache.keys if start < 2 * width else cache.values)[layer, slots[row], head, positions[row]]
            count = min(size - offset, last - start)
            narrow_all(wide[row, start : start + count], target[offset : offset + count])
            start += count


@_compile
def _quantise_rows(thread: int, threads: int, rows: int, values: Floats, into: Shorts, scratch: Scratch) -> None:
    for row in range(thread, rows, threads):
        scratch.row_scale[row] = quantise(values[row], into[row])
    wait_for_all(scratch.meeting.ctypes.data, threads)


@_compile
def _normalise_rows(thread: int, threads: int, rows: int, norm: Norm, layer: int, scratch: Scratch) -> None:
    for row in range(thread, rows, threads):
        normalise(scratch.hidden[row], norm.weight[layer], norm.bias[layer], scratch.mixed[row])
        scratch.row_scale[row] = quantise(scratch.mixed[row], scratch.narrow_input[row])
    wait_for_all(scratch.meeting.ctypes.data, threads)


@_compile
def _share(thread: int, threads: int, panels: int) -> tuple[int, int]:
    """Which panels of a linear are this thread's."""
    return thread * panels // threads, (thread + 1) * panels // threads


@_compile
def _attention(
    thread: int, threads: int, layer: int, rows: int, slots: Longs, positions: Longs, cache: Cache, scratch: Scratch
) -> None:
    """From queries to mixed values, one task for each row and head."""
    size = cache.keys.shape[4]
    heads = cache.keys.shape[2]
    for task in range(thread, rows * heads, threads):
        # Rows of one slot read the same keys, one after the other.
        head, row = task // rows, task % rows
        part = slice(head * size, (head + 1) * size)
        keys, values = cache.keys[layer, slots[row], head], cache.values[layer, slots[row], head]
        length = positions[row] + 1
        following = min(task + threads, rows * heads - 1)
        then = cache.keys[layer, slots[following % rows], following // rows]
        attend(scratch.wide[row, part], keys, values, length, scratch.scores[thread], scratch.mixed[row, part], then)
    wait_for_all(scratch.meeting.ctypes.data, threads)


@_compile
def _keep_wanted(thread: int, threads: int, wanted: Longs, slots: Longs, positions: Longs, scratch: Scratch) -> None:
    """The rows `wanted`, in ascending order, become the first ones: what attention and all after it need of them."""
    width = scratch.hidden.shape[1]
    if thread == 0:
        for row, source in enumerate(wanted):
            slots[row], positions[row] = slots[source], positions[source]
            scratch.hidden[row] = scratch.hidden[source]
            scratch.wide[row, :width] = scratch.wide[source, :width]
    wait_for_all(scratch.meeting.ctypes.data, threads)


@_compile
def run_layers(
    thread: int,
    threads: int,
    rows: int,
    wanted: Longs,
    slots: Longs,
    positions: Longs,
    layers: Layers,
    cache: Cache,
    scratch: Scratch,
) -> None:
    """All layers over `rows` rows; each of `threads` threads calls this with its number, and they meet at barriers.

    Row r belongs to slot slots[r] and stands at positions[r]; it sees the positions up to its own. Rows of one slot stand
    one after the other. Of the rows that are not `wanted` (numbers in ascending order), the last layer makes keys and values
    only; the others are the first rows of scratch.hidden afterwards, and of `slots` and `positions`.
    """
    meeting = scratch.meeting.ctypes.data
    width = scratch.hidden.shape[1]
    depth = layers.norm_1.weight.shape[0]
    for layer in range(depth):
        _normalise_rows(thread, threads, rows, layers.norm_1, layer, scratch)
        first, last = _share(thread, threads, 3 * width // PANEL)
        _linear(layer, layers.attention_in, first, last, rows, scratch, scratch.wide, 0)
        _store(cache, layer, slots, positions, first * PANEL, last * PANEL, rows, scratch.wide)
        wait_for_all(meeting, threads)
        if layer == depth - 1 and wanted.shape[0] < rows:
            _keep_wanted(thread, threads, wanted, slots, positions, scratch)
            rows = wanted.shape[0]
        _attention(thread, threads, layer, rows, slots, positions, cache, scratch)
        _quantise_rows(thread, threads, rows, scratch.mixed, scratch.narrow_input, scratch)
        first, last = _share(thread, threads, width // PANEL)
        _linear(layer, layers.attention_out, first, last, rows, scratch, scratch.hidden, 1)
        wait_for_all(meeting, threads)
        _normalise_rows(thread, threads, rows, layers.norm_2, layer, scratch)
        first, last = _share(thread, threads, 4 * width // PANEL)
        _linear(layer, layers.mlp_in, first, last, rows, scratch, scratch.wide, 0)
        wait_for_all(meeting, threads)
        for row in range(thread, rows, threads):
            gelu(scratch.wide[row])
        _quantise_rows(thread, threads, rows, scratch.wide, scratch.wide_input, scratch)
        first, last = _share(thread, threads, width // PANEL)
        _linear(layer, layers.mlp_out, first, last, rows, scratch, scratch.hidden, 1)
        wait_for_all(meeting, threads)


@_compile
def run_head(
    thread: int,
    threads: int,
    rows: int,
    head: Linear,
    latents: Floats,
    logits: Floats,
    scratch: Scratch,
) -> None:
    """logits [rows, panels * PANEL] of the latents [rows, width], each thread its share of the outputs."""
    _quantise_rows(thread, threads, rows, latents, scratch.narrow_input, scratch)
    first, last = _share(thread, threads, head.weight.shape[1])
    _linear(0, head, first, last, rows, scratch, logits, 0)
    wait_for_all(scratch.meeting.ctypes.data, threads)
