"""The innermost loop of a matrix product in small integers, for functions compiled by numba.

Weights lie in panels of PANEL outputs, each in groups of GROUP inputs: for each pair of inputs the two weights of the first
output, those of the second, and so on; then a scale for each output, the upper half of a float32. So a vector holds
neighbouring outputs, a pair of activations is spread over all of its lanes, and nothing has to be summed across a vector at
the end. Sums of a group are integers and exact. What is done to them is the same for every number of rows: a row's result
does not depend on its neighbours.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`).
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from streaming.engine.kernels.llvm_vectors import (
    FLOAT,
    INT,
    LONG,
    SHORT,
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
from streaming.engine.kernels.processor import INTEGER_LANES, IS_X86

# Sums of 32 bits in a register, and outputs in a panel.
LANES = INTEGER_LANES
PANEL = 2 * LANES
# So many inputs of an output share a scale: a weight far from the others is coarse for as many at most.
GROUP = 64
# Of a group in a panel: the weights, and the scales behind them.
WEIGHT_BYTES = GROUP * PANEL
GROUP_BYTES = WEIGHT_BYTES + 2 * PANEL
# What multiplies pairs of 16-bit integers and adds the two products; None: several instructions do. Where the processor has
# one instruction for this and for the addition to the sums (VNNI), LLVM makes it of both.
PAIRWISE: str | None = (
    {16: "llvm.x86.avx512.pmaddw.d.512", 8: "llvm.x86.avx2.pmadd.wd", 4: "llvm.x86.sse2.pmadd.wd"}[LANES]
    if IS_X86
    else None
)
# Weights come from memory, one panel behind the other: what is needed so much later is asked for now. A processor does so by
# itself, but not far enough ahead when many rows share a weight, and not beyond the page.
PREFETCH_BYTES = 4096
# A tile of a group's sums stays in registers: 24 of 32, or 12 of 16.
MOST_ROWS = 12 if LANES == 16 else 6

_BYTES, _PAIRS = ir.VectorType(ir.IntType(8), 2 * LANES), ir.VectorType(SHORT, 2 * LANES)
_SUMS, _FLOATS = ir.VectorType(INT, LANES), ir.VectorType(FLOAT, LANES)


def _pairwise_products(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """Two vectors of 16-bit integers to the sums of their neighbouring products, 32 bits each."""
    if PAIRWISE:
        kind = ir.FunctionType(_SUMS, [_PAIRS, _PAIRS])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, PAIRWISE), [a, b])
    wide = ir.VectorType(INT, 2 * LANES)
    products = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    even, odd = (
        builder.shuffle_vector(products, ir.Constant(wide, None), _indices(range(first, 2 * LANES, 2)))
        for first in (0, 1)
    )
    return builder.add(even, odd)


def _indices(numbers: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(INT, len(numbers)), list(numbers))


def _accumulate(
    builder: ir.IRBuilder,
    weights: ir.Value,
    pairs: Sequence[ir.Value],
    sums: Sequence[ir.Value],
    index: ir.Value,
) -> None:
    """Pair `index` of each row times line `index` of the weights, added to the row's two vectors of sums."""
    line = at(builder, weights, builder.mul(index, ir.Constant(LONG, 2 * PANEL)))
    prefetch(builder, at(builder, line, PREFETCH_BYTES))
    halves = [
        builder.sext(load(builder, at(builder, line, 2 * LANES * half), _BYTES, align=1), _PAIRS) for half in (0, 1)
    ]
    for row, start in enumerate(pairs):
        pair = spread(builder, builder.load(at(builder, start, index), align=2), LANES)
        pair = builder.bitcast(pair, _PAIRS)
        for half, total in zip(halves, sums[2 * row : 2 * row + 2], strict=True):
            builder.store(builder.add(builder.load(total), _pairwise_products(builder, half, pair)), total)


def _scale(builder: ir.IRBuilder, scales: ir.Value, half: int) -> ir.Value:
    """The scales of one half of a panel, from the upper halves of floats."""
    upper = load(builder, at(builder, scales, 2 * LANES * half), ir.VectorType(SHORT, LANES), align=2)
    bits = builder.shl(builder.zext(upper, _SUMS), ir.Constant(_SUMS, [16] * LANES))
    return builder.bitcast(bits, _FLOATS)


def _add_group(
    builder: ir.IRBuilder, group: ir.Value, rows: Sequence[ir.Value], totals: Sequence[ir.Value], pair: ir.Value
) -> None:
    """A group of weights times each row from its pair `pair` on, scaled and added to the row's two vectors of totals."""
    sums = [cgutils.alloca_once(builder, _SUMS) for _ in totals]
    for total in sums:
        builder.store(ir.Constant(_SUMS, None), total)
    starts = [at(builder, start, pair) for start in rows]
    with rolled_loop(builder, ir.Constant(LONG, 0), ir.Constant(LONG, GROUP // 2)) as index:
        _accumulate(builder, group, starts, sums, index)
    scales = at(builder, group, WEIGHT_BYTES)
    prefetch(builder, at(builder, scales, PREFETCH_BYTES))
    for half in (0, 1):
        scale = _scale(builder, scales, half)
        for part, total in list(zip(sums, totals, strict=True))[half::2]:
            value = builder.sitofp(builder.load(part), _FLOATS)
            builder.store(multiply_add(builder, value, scale, builder.load(total)), total)


def _finish(
    builder: ir.IRBuilder, total: ir.Value, row_scale: ir.Value, bias: ir.Value, add: ir.Value, out: ir.Value
) -> None:
    """out = total * row_scale + bias, added to what is there if `add` is not zero. In LANES lanes."""
    value = multiply_add(builder, total, spread(builder, row_scale, LANES), bias)
    result = cgutils.alloca_once_value(builder, value)
    with builder.if_then(builder.icmp_signed("!=", add, ir.Constant(LONG, 0))):
        builder.store(builder.fadd(value, load(builder, out, _FLOATS)), result)
    store(builder, builder.load(result), out)


def make_product(rows: int) -> Any:
    """`product(panel, activations, stride, groups, row_scales, bias, add, out, out_stride)`, for `rows` rows.

    panel int8 [groups, GROUP_BYTES]; activations int16, rows of GROUP * groups that begin `stride` elements apart;
    row_scales float32 [rows]; bias float32 [PANEL]; out float32, rows of PANEL that begin `out_stride` elements apart.
    Writes (activations @ weights) * row_scales + bias, or adds it to what is there where `add` is not zero. A group's sums
    have to fit 32 bits.
    """

    @intrinsic
    def product(
        typing_context: Any,
        panel: Any,
        activations: Any,
        stride: Any,
        groups: Any,
        row_scales: Any,
        bias: Any,
        add: Any,
        out: Any,
        out_stride: Any,
    ) -> Signature:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            panel, activations, stride, groups, row_scales, bias, add, out, out_stride = arguments
            panel, first = pointer(builder, panel, ir.IntType(8)), pointer(builder, activations, SHORT)
            starts = [at(builder, first, builder.mul(stride, ir.Constant(LONG, row))) for row in range(rows)]
            starts = [builder.bitcast(start, INT.as_pointer()) for start in starts]
            totals = [cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, None)) for _ in range(2 * rows)]
            with rolled_loop(builder, ir.Constant(LONG, 0), groups) as number:
                group = at(builder, panel, builder.mul(number, ir.Constant(LONG, GROUP_BYTES)))
                _add_group(builder, group, starts, totals, builder.mul(number, ir.Constant(LONG, GROUP // 2)))
            row_scales, bias, out = (pointer(builder, place) for place in (row_scales, bias, out))
            for half in (0, 1):
                offset = load(builder, at(builder, bias, half * LANES), _FLOATS)
                for row in range(rows):
                    row_scale = builder.load(at(builder, row_scales, row))
                    place = builder.add(
                        builder.mul(out_stride, ir.Constant(LONG, row)), ir.Constant(LONG, half * LANES)
                    )
                    place = at(builder, out, place)
                    _finish(builder, builder.load(totals[2 * row + half]), row_scale, offset, add, place)
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 9), generate

    return product


product_1, product_2, product_3, product_4, product_6, product_8, product_12 = map(make_product, (1, 2, 3, 4, 6, 8, 12))
