"""One query over the keys and values of a head, for functions compiled by numba: bfloat16 from memory, float32 in registers.

For heads of SIZE, a vector is read as words of two neighbouring numbers: the lower one shifted up is a float, and so is the
upper one with the lower bits cleared. So the query is kept as its even and its odd numbers, and so is the sum of the values.
Keys and values come from memory for each token. Where several speak for a while, they are as many bytes as the weights: what
is needed next is asked for early, across the end of one stretch of memory into the one that is read after it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from streaming.engine.kernels.compiled import compiled_with_reordered_sums as _compile
from streaming.engine.kernels.llvm_vectors import (
    FLOAT,
    INT,
    LONG,
    Signature,
    at,
    load,
    multiply_add,
    pointer,
    prefetch,
    rolled_loop,
    spread,
    store,
)
from streaming.engine.kernels.processor import INTEGER_LANES
from streaming.engine.kernels.row_arithmetic import exponential, widen

Floats = NDArray[np.float32]
Halves = NDArray[np.uint16]

# Of a head, as in XTTS. Other sizes take plain loops.
SIZE = 64
LANES = INTEGER_LANES
PARTS = SIZE // (2 * LANES)
PREFETCH_POSITIONS = 32
_LINE_WORDS = 16

_WORDS, _FLOATS = ir.VectorType(INT, LANES), ir.VectorType(FLOAT, LANES)


def _picked(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, numbers: Sequence[int]) -> ir.Value:
    """The elements of these numbers, of two vectors one after the other."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, len(numbers)), list(numbers)))


def _even_and_odd(builder: ir.IRBuilder, place: ir.Value) -> list[ir.Value]:
    """SIZE floats: for each part the even ones and the odd ones."""
    found = []
    for part in range(PARTS):
        first, second = (load(builder, at(builder, place, (2 * part + half) * LANES), _FLOATS) for half in (0, 1))
        found += [_picked(builder, first, second, range(start, 2 * LANES, 2)) for start in (0, 1)]
    return found


def _widened(builder: ir.IRBuilder, line: ir.Value) -> list[ir.Value]:
    """SIZE numbers in bfloat16: for each part the even ones and the odd ones, as floats."""
    found = []
    for part in range(PARTS):
        words = load(builder, at(builder, line, part * LANES), _WORDS, align=2)
        lower = builder.shl(words, ir.Constant(_WORDS, [16] * LANES))
        upper = builder.and_(words, ir.Constant(_WORDS, [0xFFFF0000] * LANES))
        found += [builder.bitcast(lower, _FLOATS), builder.bitcast(upper, _FLOATS)]
    return found


def _line(builder: ir.IRBuilder, first: ir.Value, position: ir.Value, length: ir.Value, then: ir.Value) -> ir.Value:
    """The words of a position of `first`, whose first `length` positions are read, and after them those of `then`."""
    words = SIZE // 2
    ahead = builder.add(position, ir.Constant(LONG, PREFETCH_POSITIONS))
    is_inside = builder.icmp_signed("<", ahead, length)
    start = builder.select(is_inside, first, then)
    ahead = builder.select(is_inside, ahead, builder.sub(ahead, length))
    next_line = at(builder, start, builder.mul(ahead, ir.Constant(LONG, words)))
    for word in range(0, words, _LINE_WORDS):
        prefetch(builder, at(builder, next_line, word), closeness=2)
    return at(builder, first, builder.mul(position, ir.Constant(LONG, words)))


def _sum(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """Of all lanes."""
    count = LANES
    while count > 1:
        count //= 2
        lower, upper = (_picked(builder, vector, vector, range(begin, begin + count)) for begin in (0, count))
        vector = builder.fadd(lower, upper)
    return builder.extract_element(vector, ir.Constant(INT, 0))


@intrinsic
def _score_keys(
    typing_context: Any, query: Any, keys: Any, length: Any, factor: Any, scores: Any, then: Any
) -> Signature:
    """scores[p] = query . keys[p] * factor for the first `length` positions. query float32 [SIZE], keys bfloat16 bit
    patterns [positions, SIZE], scores float32. `then` is what will be read next."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        query, keys, length, factor, scores, then = arguments
        asked = _even_and_odd(builder, pointer(builder, query))
        first, scores, then = pointer(builder, keys, INT), pointer(builder, scores), pointer(builder, then, INT)
        with rolled_loop(builder, ir.Constant(LONG, 0), length) as position:
            # Two sums, as one would wait for itself.
            sums = [ir.Constant(_FLOATS, None)] * 2
            line = _line(builder, first, position, length, then)
            for number, (own, key) in enumerate(zip(asked, _widened(builder, line), strict=True)):
                sums[number % 2] = multiply_add(builder, own, key, sums[number % 2])
            total = builder.fmul(_sum(builder, builder.fadd(*sums)), factor)
            builder.store(total, at(builder, scores, position))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.float32, types.int64, types.int64), generate


@intrinsic
def _mix_values(
    typing_context: Any, shares: Any, values: Any, length: Any, factor: Any, out: Any, then: Any
) -> Signature:
    """out = factor * the sum of shares[p] * values[p] over the first `length` positions. shares float32, values bfloat16 bit
    patterns [positions, SIZE], out float32 [SIZE]. `then` is what will be read next."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        shares, values, length, factor, out, then = arguments
        shares, first, out = pointer(builder, shares), pointer(builder, values, INT), pointer(builder, out)
        then = pointer(builder, then, INT)
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, None)) for _ in range(2 * PARTS)]
        with rolled_loop(builder, ir.Constant(LONG, 0), length) as position:
            share = spread(builder, builder.load(at(builder, shares, position)), LANES)
            line = _line(builder, first, position, length, then)
            for total, value in zip(sums, _widened(builder, line), strict=True):
                builder.store(multiply_add(builder, share, value, builder.load(total)), total)
        factor = spread(builder, factor, LANES)
        for part in range(PARTS):
            even, odd = (builder.fmul(builder.load(total), factor) for total in sums[2 * part : 2 * part + 2])
            in_turns = [number + LANES * odd for number in range(LANES) for odd in (0, 1)]
            for half in (0, 1):
                numbers = in_turns[half * LANES : (half + 1) * LANES]
                store(builder, _picked(builder, even, odd, numbers), at(builder, out, (2 * part + half) * LANES))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.float32, types.int64, types.int64), generate


@_compile
def _exponentials(scores: Floats, length: int) -> float:
    """Of the differences to the largest, in place; returns their sum."""
    largest = np.float32(-1e30)
    for position in range(length):
        largest = max(largest, scores[position])
    total = np.float32(0.0)
    for position in range(length):
        scores[position] = exponential(scores[position] - largest)
        total += scores[position]
    return total


@_compile
def attend(query: Floats, keys: Halves, values: Halves, length: int, scores: Floats, out: Floats, then: Halves) -> None:
    """One row, one head: `out` = softmax(query keys / sqrt(size)) values, over the first `length` positions. query and out
    [size], keys and values bfloat16 bit patterns [positions, size], without gaps; scores is room for `length` floats.
    `then` are the keys that the same thread reads next."""
    size = query.shape[0]
    factor = np.float32(1.0) / np.sqrt(np.float32(size))
    if size == SIZE:
        _score_keys(query.ctypes.data, keys.ctypes.data, length, factor, scores.ctypes.data, values.ctypes.data)
    else:
        for position in range(length):
            total = np.float32(0.0)
            for i in range(size):
                total += query[i] * widen(keys[position, i])
            scores[position] = total * factor
    inverse = np.float32(1.0) / _exponentials(scores, length)
    if size == SIZE:
        _mix_values(scores.ctypes.data, values.ctypes.data, length, inverse, out.ctypes.data, then.ctypes.data)
    else:
        out[:] = np.float32(0.0)
        for position in range(length):
            for i in range(size):
                out[i] += scores[position] * inverse * widen(values[position, i])
