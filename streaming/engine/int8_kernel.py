"""A GPT-2 transformer in int8, compiled for the processor that it runs on: one function that all threads run side by side.

Weights are int8 with a scale per output; activations are quantised row by row to 12 bits, which costs nothing next to 8 (the
products are 16-bit either way) and leaves the weights as the only coarse part. Sums of integers are exact and attention runs
over one row at a time, so a row comes out the same to the last bit, whatever stands next to it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streaming.engine.compiled import compiled_with_reordered_sums as _compile
from streaming.engine.row_arithmetic import exponential, gelu, narrow, normalise, quantise, widen
from streaming.engine.simd import dot_1, dot_4, wait_for_all

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]
Halves = NDArray[np.uint16]
Shorts = NDArray[np.int16]
Longs = NDArray[np.int64]
Sums = NDArray[np.int32]

ROWS_AT_ONCE = 4
MOST_OUTPUTS = 16
GROUP_INPUTS = 1 << 17
BLOCK_INPUTS = 1 << 14
# Rows a power of two apart would fall into the same few lines of the cache.
PADDING = 32


class Linear(NamedTuple):
    """Every layer's linear of one kind: weight [layers, outputs, inputs], scale and bias [layers, outputs]."""

    weight: Bytes
    scale: Floats
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
    sums: Sums  # [threads, MOST_OUTPUTS * ROWS_AT_ONCE]
    meeting: Longs  # [1], the barrier


@_compile
def multiply(weight: Bytes, first: int, last: int, quantised: Shorts, row: int, rows: int, sums: Sums) -> int:
    """Sums of the outputs first to last, for four rows from `row` on or else for one; returns for how many. `sums`: four for
    each output."""
    inputs, stride = weight.shape[1], quantised.shape[1]
    at, x, target = weight.ctypes.data + first * inputs, quantised.ctypes.data + 2 * row * stride, sums.ctypes.data
    if rows - row >= ROWS_AT_ONCE:
        for output in range(last - first):
            dot_4(at + output * inputs, x, stride, inputs, target + 4 * ROWS_AT_ONCE * output)
        return ROWS_AT_ONCE
    for output in range(last - first):
        dot_1(at + output * inputs, x, stride, inputs, target + 4 * ROWS_AT_ONCE * output)
    return 1


@_compile
def _linear(
    layer: int, linear: Linear, first: int, last: int, rows: int, scratch: Scratch, thread: int, out: Floats, add: bool
) -> None:
    """Outputs first to last of a linear, for all rows: written to `out`, or added to it."""
    weight, scale, bias = linear.weight[layer], linear.scale[layer], linear.bias[layer]
    sums = scratch.sums[thread]
    inputs = weight.shape[1]
    quantised = scratch.narrow_input if inputs == scratch.hidden.shape[1] else scratch.wide_input
    # Rows in groups that fit the second cache together, outputs in blocks that fit the first: a weight is read from memory
    # once a group, a line of results written once.
    group = max(ROWS_AT_ONCE, GROUP_INPUTS // inputs)
    block = min(MOST_OUTPUTS, max(1, BLOCK_INPUTS // inputs))
    for start in range(0, rows, group):
        end = min(rows, start + group)
        for begin in range(first, last, block):
            stop = min(last, begin + block)
            row = start
            while row < end:
                count = multiply(weight, begin, stop, quantised, row, end, sums)
                for i in range(count):
                    for output in range(begin, stop):
                        value = np.float32(sums[(output - begin) * ROWS_AT_ONCE + i])
                        value = value * (scratch.row_scale[row + i] * scale[output]) + bias[output]
                        out[row + i, output] = value + out[row + i, output] if add else value
                row += count


@_compile
def _store(
    cache: Cache, layer: int, slots: Longs, positions: Longs, first: int, last: int, rows: int, wide: Floats
) -> None:
    """Keys and values of the outputs first to last (queries, keys, values, one after the other) into the cache."""
    width = wide.shape[1] // 4
    size = cache.keys.shape[4]
    for row in range(rows):
        for output in range(max(first, width), last):
            which, channel = output // width, output % width
            target = cache.keys if which == 1 else cache.values
            value = narrow(wide[row, output])
            target[layer, slots[row], channel // size, positions[row], channel % size] = value


@_compile
def _attend(query: Floats, keys: Halves, values: Halves, length: int, scores: Floats, out: Floats) -> None:
    """One row, one head: `out` = softmax(query keys / sqrt(size)) values, over the first `length` positions."""
    size = query.shape[0]
    factor = np.float32(1.0) / np.sqrt(np.float32(size))
    largest = np.float32(-1e30)
    for position in range(length):
        key = keys[position]
        total = np.float32(0.0)
        for i in range(size):
            total += query[i] * widen(key[i])
        scores[position] = total * factor
        largest = max(largest, scores[position])
    total = np.float32(0.0)
    for position in range(length):
        scores[position] = exponential(scores[position] - largest)
        total += scores[position]
    out[:] = np.float32(0.0)
    for position in range(length):
        value = values[position]
        share = scores[position]
        for i in range(size):
            out[i] += share * widen(value[i])
    inverse = np.float32(1.0) / total
    for i in range(size):
        out[i] *= inverse


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
def _share(thread: int, threads: int, outputs: int) -> tuple[int, int]:
    """Which outputs of a linear are this thread's."""
    return thread * outputs // threads, (thread + 1) * outputs // threads


@_compile
def _attention(
    thread: int, threads: int, layer: int, rows: int, slots: Longs, positions: Longs, cache: Cache, scratch: Scratch
) -> None:
    """From queries to mixed values, one task for each row and head."""
    size = cache.keys.shape[4]
    heads = cache.keys.shape[2]
    for task in range(thread, rows * heads, threads):
        row, head = task // heads, task % heads
        part = slice(head * size, (head + 1) * size)
        keys, values = cache.keys[layer, slots[row], head], cache.values[layer, slots[row], head]
        length = positions[row] + 1
        _attend(scratch.wide[row, part], keys, values, length, scratch.scores[thread], scratch.mixed[row, part])
    wait_for_all(scratch.meeting.ctypes.data, threads)


@_compile
def run_layers(
    thread: int,
    threads: int,
    rows: int,
    slots: Longs,
    positions: Longs,
    layers: Layers,
    cache: Cache,
    scratch: Scratch,
) -> None:
    """All layers over `rows` rows; each of `threads` threads calls this with its number, and they meet at barriers.

    Row r belongs to slot slots[r] and stands at positions[r]; it sees the positions up to its own. Rows of one slot stand
    one after the other.
    """
    meeting = scratch.meeting.ctypes.data
    width = scratch.hidden.shape[1]
    for layer in range(layers.norm_1.weight.shape[0]):
        _normalise_rows(thread, threads, rows, layers.norm_1, layer, scratch)
        first, last = _share(thread, threads, 3 * width)
        _linear(layer, layers.attention_in, first, last, rows, scratch, thread, scratch.wide, False)
        _store(cache, layer, slots, positions, first, last, rows, scratch.wide)
        wait_for_all(meeting, threads)
        _attention(thread, threads, layer, rows, slots, positions, cache, scratch)
        _quantise_rows(thread, threads, rows, scratch.mixed, scratch.narrow_input, scratch)
        first, last = _share(thread, threads, width)
        _linear(layer, layers.attention_out, first, last, rows, scratch, thread, scratch.hidden, True)
        wait_for_all(meeting, threads)
        _normalise_rows(thread, threads, rows, layers.norm_2, layer, scratch)
        first, last = _share(thread, threads, 4 * width)
        _linear(layer, layers.mlp_in, first, last, rows, scratch, thread, scratch.wide, False)
        wait_for_all(meeting, threads)
        for row in range(thread, rows, threads):
            gelu(scratch.wide[row])
        _quantise_rows(thread, threads, rows, scratch.wide, scratch.wide_input, scratch)
        first, last = _share(thread, threads, width)
        _linear(layer, layers.mlp_out, first, last, rows, scratch, thread, scratch.hidden, True)
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
    """logits [rows, outputs] of the latents [rows, width], each thread its share of the outputs."""
    _quantise_rows(thread, threads, rows, latents, scratch.narrow_input, scratch)
    first, last = _share(thread, threads, head.weight.shape[1])
    _linear(0, head, first, last, rows, scratch, thread, logits, False)
    wait_for_all(scratch.meeting.ctypes.data, threads)
