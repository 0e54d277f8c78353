"""Compiled arithmetic on float32 vectors: the innermost loop of a matrix product, and small fixed matrices applied to rows.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`), strides are
in floats. LLVM turns the vectors into what the processor has.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from streaming.engine.kernels.llvm_vectors import (
    FLOAT,
    LONG,
    Signature,
    at,
    load,
    multiply_add,
    pointer,
    rolled_loop,
    spread,
    store,
)
from streaming.engine.kernels.processor import FLOAT_LANES

LANES = FLOAT_LANES
# A tile of the product stays in registers: ROWS x PANEL sums, 12 of 16 registers, or 24 of 32 where they are widest.
ROWS = 12 if LANES == 16 else 6
PANEL = 2 * LANES
# Sums of so many products are added up in turn: rounding errors grow with the number of additions in a row.
DEPTH = 64

_VECTOR = ir.VectorType(FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, None)


def _load(builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
    return load(builder, place, _VECTOR)


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    return spread(builder, value, LANES)


def _leaky(builder: ir.IRBuilder, vector: ir.Value, slope: ir.Value) -> ir.Value:
    """The leaky rectifier for slopes up to 1."""
    scaled = builder.fmul(vector, slope)
    return builder.select(builder.fcmp_ordered(">", vector, scaled), vector, scaled)


def _weighted_sum(builder: ir.IRBuilder, weights: NDArray[np.float64], vectors: Sequence[ir.Value]) -> ir.Value:
    total = None
    for weight, vector in zip(weights, vectors, strict=True):
        if weight == 0.0:
            continue
        factor = ir.Constant(_VECTOR, [float(np.float32(weight))] * LANES)
        if total is None:
            total = vector if weight == 1.0 else builder.fmul(factor, vector)
        elif abs(weight) == 1.0:
            total = builder.fadd(total, vector) if weight > 0 else builder.fsub(total, vector)
        else:
            total = multiply_add(builder, factor, vector, total)
    return _ZERO if total is None else total


class _Fold(NamedTuple):
    """Two rows of a matrix that differ in some signs only: their products are the sum and the difference of two parts."""

    first: int
    second: int
    alike: NDArray[np.bool_]


def _folds(matrix: NDArray[np.float64]) -> list[_Fold]:
    """Pairs of rows to be folded, each row in one at most."""
    found: list[_Fold] = []
    taken: set[int] = set()
    for first, second in itertools.combinations(range(len(matrix)), 2):
        one, other = matrix[first], matrix[second]
        if {first, second} & taken or not np.allclose(np.abs(one), np.abs(other), rtol=1e-9):
            continue
        taken |= {first, second}
        found.append(_Fold(first, second, np.sign(one) == np.sign(other)))
    return found


def _apply_rows(
    builder: ir.IRBuilder, matrix: NDArray[np.float64], vectors: Sequence[ir.Value]
) -> Iterator[tuple[int, ir.Value]]:
    """Row by row, in no order, the row's number and its product with the vectors."""
    rest = set(range(len(matrix)))
    for first, second, alike in _folds(matrix):
        rest -= {first, second}
        one = _weighted_sum(builder, np.where(alike, matrix[first], 0.0), vectors)
        other = _weighted_sum(builder, np.where(alike, 0.0, matrix[first]), vectors)
        yield first, builder.fadd(one, other)
        yield second, builder.fsub(one, other)
    for row in sorted(rest):
        yield row, _weighted_sum(builder, matrix[row], vectors)


def _fold_columns(
    builder: ir.IRBuilder, matrix: NDArray[np.float64], vectors: Sequence[ir.Value]
) -> tuple[NDArray[np.float64], list[ir.Value]]:
    """The same product with half of the matrix zero: columns that differ in some signs only become sum and difference."""
    matrix, folded = matrix.copy(), list(vectors)
    for first, second, alike in _folds(matrix.T):
        folded[first] = builder.fadd(vectors[first], vectors[second])
        folded[second] = builder.fsub(vectors[first], vectors[second])
        matrix[:, second] = np.where(alike, 0.0, matrix[:, first])
        matrix[~alike, first] = 0.0
    return matrix, folded


def _make_multiply_tile() -> Any:
    @intrinsic
    def multiply_tile(typing_context: Any, rows: Any, stride: Any, panel: Any, depth: Any, out: Any) -> Signature:
        """out [ROWS, PANEL] = rows [ROWS, depth] @ panel [depth, PANEL]; the rows begin `stride` apart and may overlap."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            rows, stride, panel, depth, out = arguments
            first, panel, out = (pointer(builder, address) for address in (rows, panel, out))
            starts = [at(builder, first, builder.mul(stride, ir.Constant(LONG, row))) for row in range(ROWS)]
            places = [at(builder, out, index * LANES) for index in range(2 * ROWS)]
            for place in places:
                store(builder, _ZERO, place)
            sums = [cgutils.alloca_once_value(builder, _ZERO) for _ in places]
            step = ir.Constant(LONG, DEPTH)
            with cgutils.for_range_slice(builder, ir.Constant(LONG, 0), depth, step) as (begin, _):
                for total in sums:
                    builder.store(_ZERO, total)
                end = builder.add(begin, step)
                end = builder.select(builder.icmp_signed("<", end, depth), end, depth)
                with rolled_loop(builder, begin, end) as index:
                    _add_products(builder, panel, starts, sums, index)
                for place, total in zip(places, sums, strict=True):
                    store(builder, builder.fadd(_load(builder, place), builder.load(total)), place)
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 5), generate

    return multiply_tile


def _add_products(
    builder: ir.IRBuilder, panel: ir.Value, starts: Sequence[ir.Value], sums: Sequence[ir.Value], index: ir.Value
) -> None:
    """Element `index` of each row, times line `index` of the panel, added to the row's two vectors of sums."""
    line = at(builder, panel, builder.mul(index, ir.Constant(LONG, PANEL)))
    halves = (_load(builder, line), _load(builder, at(builder, line, LANES)))
    for row, start in enumerate(starts):
        value = _splat(builder, builder.load(at(builder, start, index)))
        for half, total in zip(halves, sums[2 * row : 2 * row + 2], strict=True):
            builder.store(multiply_add(builder, value, half, builder.load(total)), total)


multiply_tile = _make_multiply_tile()


def make_row_transform(matrix: NDArray[np.float64]) -> Any:
    """`transform(base, first, step, rows, zeros, channels, slope, out, plane)`, for a matrix (outputs, inputs).

    Takes the signal's rows first, first + step, ... (one per column of the matrix), of `channels` floats each, through a
    leaky rectifier and the matrix. Output i goes to `out` + i * plane. The signal begins at `base` and has `rows` rows; a
    row outside it is read from `zeros`. `channels` is a multiple of LANES.
    """
    inputs = matrix.shape[1]

    @intrinsic
    def transform(
        typing_context: Any,
        base: Any,
        first: Any,
        step: Any,
        rows: Any,
        zeros: Any,
        channels: Any,
        slope: Any,
        out: Any,
        plane: Any,
    ) -> Signature:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            base, first, step, rows, zeros, channels, slope, out, plane = arguments
            base, zeros, out = (pointer(builder, address) for address in (base, zeros, out))
            slope = _splat(builder, slope)
            starts = []
            for index in range(inputs):
                row = builder.add(first, builder.mul(step, ir.Constant(LONG, index)))
                # Unsigned, so that a negative row is beyond the end as well.
                is_inside = builder.icmp_unsigned("<", row, rows)
                starts.append(builder.select(is_inside, at(builder, base, builder.mul(row, channels)), zeros))
            targets = [at(builder, out, builder.mul(plane, ir.Constant(LONG, i))) for i in range(len(matrix))]
            with cgutils.for_range(builder, builder.udiv(channels, ir.Constant(LONG, LANES))) as loop:
                offset = builder.mul(loop.index, ir.Constant(LONG, LANES))
                vectors = [_leaky(builder, _load(builder, at(builder, start, offset)), slope) for start in starts]
                for index, mixed in _apply_rows(builder, matrix, vectors):
                    store(builder, mixed, at(builder, targets[index], offset))
            return context.get_dummy_value()

        integer = types.int64
        return types.void(*(integer,) * 6, types.float32, integer, integer), generate

    return transform


def make_panel_transform(matrix: NDArray[np.float64]) -> Any:
    """`transform(panels, plane, bias, terms, term_step, more, more_step, slope, out, step, rows)`, for a matrix (outputs,
    inputs).

    Takes PANEL floats each from `panels`, panels + plane, ... (one per column of the matrix) through the matrix, adds `bias`
    and, to output i, the floats at terms + i * term_step and at more + i * more_step, applies a leaky rectifier (none with
    slope 1) and writes to out + i * step. Only the first `rows` outputs are made.
    """
    outputs, inputs = matrix.shape

    @intrinsic
    def transform(
        typing_context: Any,
        panels: Any,
        plane: Any,
        bias: Any,
        terms: Any,
        term_step: Any,
        more: Any,
        more_step: Any,
        slope: Any,
        out: Any,
        step: Any,
        rows: Any,
    ) -> Signature:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            panels, plane, bias, terms, term_step, more, more_step, slope, out, step, rows = arguments
            panels, bias, terms, more, out = (pointer(builder, p) for p in (panels, bias, terms, more, out))
            slope = _splat(builder, slope)
            starts = [at(builder, panels, builder.mul(plane, ir.Constant(LONG, i))) for i in range(inputs)]
            for half in (0, LANES):
                vectors = [_load(builder, at(builder, start, half)) for start in starts]
                weights, vectors = _fold_columns(builder, matrix, vectors)
                offset = _load(builder, at(builder, bias, half))
                for index in range(outputs):
                    number = ir.Constant(LONG, index)
                    with builder.if_then(builder.icmp_signed("<", number, rows), likely=True):
                        value = builder.fadd(_weighted_sum(builder, weights[index], vectors), offset)
                        for base, distance in ((terms, term_step), (more, more_step)):
                            place = at(builder, at(builder, base, builder.mul(distance, number)), half)
                            value = builder.fadd(value, _load(builder, place))
                        place = at(builder, at(builder, out, builder.mul(step, number)), half)
                        store(builder, _leaky(builder, value, slope), place)
            return context.get_dummy_value()

        integer = types.int64
        return types.void(*(integer,) * 7, types.float32, *(integer,) * 3), generate

    return transform
