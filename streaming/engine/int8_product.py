"""The innermost loop of a matrix product in small integers, for functions compiled by numba.

Weights lie in panels of PANEL outputs: for each pair of inputs the two weights of the first output, those of the second, and
so on. So a vector holds neighbouring outputs, a pair of activations is spread over all of its lanes, and nothing has to be
summed across a vector at the end. Sums of integers are exact, and what is done to them is the same for every number of rows:
a row's result does not depend on its neighbours.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_BYTE, _SHORT, _INT, _LONG, _FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_INDEX = ir.IntType(32)

Signature = tuple[Any, Callable[..., Any]]


def _features() -> dict[str, bool]:
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:  # a processor that LLVM cannot ask
        return {}


_FEATURES = _features()
IS_WIDE = bool(_FEATURES.get("avx512bw"))
# What multiplies pairs of 16-bit integers and adds the two products; None: several instructions do.
PAIRWISE: str | None = (
    "llvm.x86.avx512.pmaddw.d.512" if IS_WIDE else "llvm.x86.avx2.pmadd.wd" if _FEATURES.get("avx2") else None
)
# Sums of 32 bits in a register, and outputs in a panel.
LANES = 16 if IS_WIDE else 8
PANEL = 2 * LANES
# Weights come from memory, one panel behind the other: what is needed so much later is asked for now. A processor does so by
# itself, but not far enough ahead when many rows share a weight, and not beyond the page.
PREFETCH_BYTES = 4096
# A tile of sums stays in registers: 24 of 32, or 12 of 16.
MOST_ROWS = 12 if IS_WIDE else 6

_PAIRS = ir.VectorType(_SHORT, 2 * LANES)
_SUMS = ir.VectorType(_INT, LANES)
_FLOATS = ir.VectorType(_FLOAT, LANES)


def _pairwise_products(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """Two vectors of 16-bit integers to the sums of their neighbouring products, 32 bits each."""
    if PAIRWISE:
        kind = ir.FunctionType(_SUMS, [_PAIRS, _PAIRS])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, PAIRWISE), [a, b])
    wide = ir.VectorType(_INT, 2 * LANES)
    products = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    even, odd = (
        builder.shuffle_vector(products, ir.Constant(wide, None), _indices(range(first, 2 * LANES, 2)))
        for first in (0, 1)
    )
    return builder.add(even, odd)


def _indices(numbers: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(_INDEX, len(numbers)), list(numbers))


def _spread(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """One value in all lanes."""
    kind = ir.VectorType(value.type, LANES)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), _indices([0] * LANES))


def _pointer(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.inttoptr(address, kind.as_pointer())


def _load(builder: ir.IRBuilder, base: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
    place = builder.gep(base, [ir.Constant(_LONG, offset)])
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=1)


def _prefetch(builder: ir.IRBuilder, place: ir.Value) -> None:
    """Only a hint: an address that does not exist does no harm."""
    kind = ir.FunctionType(ir.VoidType(), [place.type, _INT, _INT, _INT])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, keep_close, data = (ir.Constant(_INT, number) for number in (0, 3, 1))
    builder.call(prefetch, [place, read, keep_close, data])


def _accumulate(
    builder: ir.IRBuilder, panel: ir.Value, rows: Sequence[ir.Value], sums: Sequence[ir.Value], index: ir.Value
) -> None:
    """Pair `index` of each row times line `index` of the panel, added to the row's two vectors of sums."""
    line = builder.gep(panel, [builder.mul(index, ir.Constant(_LONG, 2 * PANEL))])
    _prefetch(builder, builder.gep(line, [ir.Constant(_LONG, PREFETCH_BYTES)]))
    narrow = ir.VectorType(_BYTE, 2 * LANES)
    halves = [builder.sext(_load(builder, line, half * 2 * LANES, narrow), _PAIRS) for half in (0, 1)]
    for row, start in enumerate(rows):
        pair = builder.load(builder.gep(start, [index]), align=2)
        spread = builder.bitcast(_spread(builder, pair), _PAIRS)
        for half, total in zip(halves, sums[2 * row : 2 * row + 2], strict=True):
            builder.store(builder.add(builder.load(total), _pairwise_products(builder, half, spread)), total)


def _finish(
    builder: ir.IRBuilder,
    total: ir.Value,
    row_scale: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    add: ir.Value,
    out: ir.Value,
) -> None:
    """out = total * row_scale * scale + bias, added to what is there if `add` is not zero. In LANES lanes."""
    fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_FLOATS, [_FLOATS] * 3), f"llvm.fma.v{LANES}f32"
    )
    factor = builder.fmul(_spread(builder, row_scale), scale)
    value = builder.call(fma, [builder.sitofp(total, _FLOATS), factor, bias])
    place = builder.bitcast(out, _FLOATS.as_pointer())
    result = cgutils.alloca_once_value(builder, value)
    with builder.if_then(builder.icmp_signed("!=", add, ir.Constant(_LONG, 0))):
        builder.store(builder.fadd(value, builder.load(place, align=4)), result)
    builder.store(builder.load(result), place, align=4)


def make_product(rows: int) -> Any:
    """`product(panel, activations, stride, pairs, row_scales, scales, bias, add, out, out_stride)`, for `rows` rows.

    panel int8 [pairs, PANEL, 2]; activations int16, rows of 2 * pairs that begin `stride` elements apart; row_scales float32
    [rows]; scales and bias float32 [PANEL]; out float32, rows of PANEL that begin `out_stride` elements apart. Writes
    (activations @ panel) * row_scales * scales + bias, or adds it to what is there where `add` is not zero. The sums have
    to fit 32 bits.
    """

    @intrinsic
    def product(
        typing_context: Any,
        panel: Any,
        activations: Any,
        stride: Any,
        pairs: Any,
        row_scales: Any,
        scales: Any,
        bias: Any,
        add: Any,
        out: Any,
        out_stride: Any,
    ) -> Signature:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            panel, activations, stride, pairs, row_scales, scales, bias, add, out, out_stride = arguments
            panel, first = _pointer(builder, panel, _BYTE), _pointer(builder, activations, _SHORT)
            starts = [builder.gep(first, [builder.mul(stride, ir.Constant(_LONG, row))]) for row in range(rows)]
            starts = [builder.bitcast(start, _INT.as_pointer()) for start in starts]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(_SUMS, None)) for _ in range(2 * rows)]
            with cgutils.for_range(builder, pairs) as loop:
                _accumulate(builder, panel, starts, sums, loop.index)
            row_scales, scales, bias, out = (_pointer(builder, p, _FLOAT) for p in (row_scales, scales, bias, out))
            for half in (0, 1):
                scale, offset = (_load(builder, base, half * LANES, _FLOATS) for base in (scales, bias))
                for row in range(rows):
                    row_scale = builder.load(builder.gep(row_scales, [ir.Constant(_LONG, row)]))
                    place = builder.mul(out_stride, ir.Constant(_LONG, row))
                    place = builder.gep(out, [builder.add(place, ir.Constant(_LONG, half * LANES))])
                    _finish(builder, builder.load(sums[2 * row + half]), row_scale, scale, offset, add, place)
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 10), generate

    return product


product_1, product_2, product_3, product_4, product_6, product_8, product_12 = map(make_product, (1, 2, 3, 4, 6, 8, 12))
