"""Compiled arithmetic on float32 vectors: the innermost loop of a matrix product, and small fixed matrices applied to rows.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`), strides are
in floats. LLVM turns the vectors into what the processor has.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

_LONG, _FLOAT = ir.IntType(64), ir.FloatType()
_INDEX = ir.IntType(32)


def _features() -> dict[str, bool]:
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:  # a processor that LLVM cannot ask
        return {}


_FEATURES = _features()
HAS_FUSED_MULTIPLY_ADD = bool(_FEATURES.get("fma") or _FEATURES.get("neon"))
# A tile of the product stays in registers: ROWS x PANEL sums, 12 of 16 registers, or 24 of 32 where they are twice as wide.
_IS_WIDE = bool(_FEATURES.get("avx512f"))
LANES = 16 if _IS_WIDE else 8
ROWS = 12 if _IS_WIDE else 6
PANEL = 2 * LANES
# Sums of so many products are added up in turn: rounding errors grow with the number of additions in a row.
DEPTH = 64

_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, None)

Signature = tuple[Any, Callable[..., Any]]


def _pointer(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.inttoptr(address, _FLOAT.as_pointer())


def _at(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value | int) -> ir.Value:
    return builder.gep(base, [ir.Constant(_LONG, offset) if isinstance(offset, int) else offset])


def _load(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _store(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32"), [a, b, c])


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
            total = _multiply_add(builder, factor, vector, total)
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


@contextmanager
def rolled_loop(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
    """`for index in range(start, stop)`, which LLVM leaves as it is.

    Unrolled, a tile's loop would ask for more registers than there are, and spend its time on moving sums to and fro.
    """
    before, function = builder.block, builder.function
    head, body, behind = (function.append_basic_block(f"tile.{name}") for name in ("head", "body", "behind"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(start.type)
    index.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, behind)
    builder.position_at_end(body)
    yield index
    index.add_incoming(builder.add(index, ir.Constant(index.type, 1)), builder.block)
    _leave_rolled(builder.module, builder.branch(head))
    builder.position_at_end(behind)


def _leave_rolled(module: ir.Module, back: Any) -> None:
    """Mark the branch that closes a loop. LLVM knows a loop by a node that names itself first."""
    node = ir.MDValue(module, (), name=str(len(module.metadata)))
    node.operands = (node, module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")]))
    back.set_metadata("llvm.loop", node)


def _make_multiply_tile() -> Any:
    @intrinsic
    def multiply_tile(typing_context: Any, rows: Any, stride: Any, panel: Any, depth: Any, out: Any) -> Signature:
        """out [ROWS, PANEL] = rows [ROWS, depth] @ panel [depth, PANEL]; the rows begin `stride` apart and may overlap."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            rows, stride, panel, depth, out = arguments
            first, panel, out = (_pointer(builder, address) for address in (rows, panel, out))
            starts = [_at(builder, first, builder.mul(stride, ir.Constant(_LONG, row))) for row in range(ROWS)]
            places = [_at(builder, out, index * LANES) for index in range(2 * ROWS)]
            for place in places:
                _store(builder, _ZERO, place)
            sums = [cgutils.alloca_once_value(builder, _ZERO) for _ in places]
            step = ir.Constant(_LONG, DEPTH)
            with cgutils.for_range_slice(builder, ir.Constant(_LONG, 0), depth, step) as (begin, _):
                for total in sums:
                    builder.store(_ZERO, total)
                end = builder.add(begin, step)
                end = builder.select(builder.icmp_signed("<", end, depth), end, depth)
                with rolled_loop(builder, begin, end) as index:
                    _add_products(builder, panel, starts, sums, index)
                for place, total in zip(places, sums, strict=True):
                    _store(builder, builder.fadd(_load(builder, place), builder.load(total)), place)
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 5), generate

    return multiply_tile


def _add_products(
    builder: ir.IRBuilder, panel: ir.Value, starts: Sequence[ir.Value], sums: Sequence[ir.Value], index: ir.Value
) -> None:
    """Element `index` of each row, times line `index` of the panel, added to the row's two vectors of sums."""
    line = _at(builder, panel, builder.mul(index, ir.Constant(_LONG, PANEL)))
    halves = (_load(builder, line), _load(builder, _at(builder, line, LANES)))
    for row, start in enumerate(starts):
        value = _splat(builder, builder.load(_at(builder, start, index)))
        for half, total in zip(halves, sums[2 * row : 2 * row + 2], strict=True):
            builder.store(_multiply_add(builder, value, half, builder.load(total)), total)


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
            base, zeros, out = (_pointer(builder, address) for address in (base, zeros, out))
            slope = _splat(builder, slope)
            starts = []
            for index in range(inputs):
                row = builder.add(first, builder.mul(step, ir.Constant(_LONG, index)))
                # Unsigned, so that a negative row is beyond the end as well.
                is_inside = builder.icmp_unsigned("<", row, rows)
                starts.append(builder.select(is_inside, _at(builder, base, builder.mul(row, channels)), zeros))
            targets = [_at(builder, out, builder.mul(plane, ir.Constant(_LONG, i))) for i in range(len(matrix))]
            with cgutils.for_range(builder, builder.udiv(channels, ir.Constant(_LONG, LANES))) as loop:
                offset = builder.mul(loop.index, ir.Constant(_LONG, LANES))
                vectors = [_leaky(builder, _load(builder, _at(builder, start, offset)), slope) for start in starts]
                for index, mixed in _apply_rows(builder, matrix, vectors):
                    _store(builder, mixed, _at(builder, targets[index], offset))
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
            panels, bias, terms, more, out = (_pointer(builder, p) for p in (panels, bias, terms, more, out))
            slope = _splat(builder, slope)
            starts = [_at(builder, panels, builder.mul(plane, ir.Constant(_LONG, i))) for i in range(inputs)]
            for half in (0, LANES):
                vectors = [_load(builder, _at(builder, start, half)) for start in starts]
                weights, vectors = _fold_columns(builder, matrix, vectors)
                offset = _load(builder, _at(builder, bias, half))
                for index in range(outputs):
                    number = ir.Constant(_LONG, index)
                    with builder.if_then(builder.icmp_signed("<", number, rows), likely=True):
                        value = builder.fadd(_weighted_sum(builder, weights[index], vectors), offset)
                        for base, distance in ((terms, term_step), (more, more_step)):
                            place = _at(builder, _at(builder, base, builder.mul(distance, number)), half)
                            value = builder.fadd(value, _load(builder, place))
                        place = _at(builder, _at(builder, out, builder.mul(step, number)), half)
                        _store(builder, _leaky(builder, value, slope), place)
            return context.get_dummy_value()

        integer = types.int64
        return types.void(*(integer,) * 7, types.float32, *(integer,) * 3), generate

    return transform
