"""What compiled code needs of the processor beyond what numba offers: dot products of small integers, bit patterns of
floats, and a barrier for threads that meet thousands of times a second.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types, uint32
from numba.core import cgutils
from numba.extending import intrinsic

_BYTE, _SHORT, _INT, _LONG, _FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
# Sixteen products at a time: one 256-bit register of 16-bit values.
LANES = 16
# How often a waiting thread looks before it offers its core to somebody else: some tens of microseconds.
_LOOKS_BEFORE_YIELD = 2000

Signature = tuple[Any, Callable[..., Any]]


def _features() -> dict[str, bool]:
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:  # a processor that LLVM cannot ask
        return {}


_FEATURES = _features()
HAS_PAIRWISE_MULTIPLY = bool(_FEATURES.get("avx2"))
IS_X86 = "x86" in binding.get_default_triple() or "amd64" in binding.get_default_triple()


def _pairwise_products(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """Two vectors of LANES 16-bit integers to LANES / 2 sums of two neighbouring products, 32 bits each."""
    short_vector, sums = ir.VectorType(_SHORT, LANES), ir.VectorType(_INT, LANES // 2)
    if HAS_PAIRWISE_MULTIPLY:
        kind = ir.FunctionType(sums, [short_vector, short_vector])
        multiply = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.pmadd.wd")
        return builder.call(multiply, [a, b])
    wide = ir.VectorType(_INT, LANES)
    products = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    even, odd = (
        builder.shuffle_vector(products, ir.Constant(wide, None), _lanes(range(first, LANES, 2))) for first in (0, 1)
    )
    return builder.add(even, odd)


def _lanes(indices: range) -> ir.Constant:
    return ir.Constant(ir.VectorType(_INT, len(indices)), list(indices))


def _horizontal_sum(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    reduce = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_INT, [vector.type]), f"llvm.vector.reduce.add.v{LANES // 2}i32"
    )
    return builder.call(reduce, [vector])


def _load(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value, element: ir.Type) -> ir.Value:
    pointer = builder.bitcast(builder.gep(base, [offset]), ir.VectorType(element, LANES).as_pointer())
    return builder.load(pointer, align=1)


def _make_dot(rows: int) -> Any:
    """`dot(weights, activations, stride, length, out)`: one row of int8 weights times `rows` rows of int16 activations,
    `stride` elements apart, each of `length` elements (a multiple of LANES); `rows` int32 sums go to `out`.

    Sums are exact as long as they fit 32 bits, so they do not depend on how many rows there are.
    """

    @intrinsic
    def dot(typing_context: Any, weights: Any, activations: Any, stride: Any, length: Any, out: Any) -> Signature:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            weight_address, row_address, stride, length, out = arguments
            weight = builder.inttoptr(weight_address, _BYTE.as_pointer())
            first = builder.inttoptr(row_address, _SHORT.as_pointer())
            starts = [builder.gep(first, [builder.mul(stride, ir.Constant(_LONG, row))]) for row in range(rows)]
            zero = ir.Constant(ir.VectorType(_INT, LANES // 2), None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in range(rows)]
            with cgutils.for_range(builder, builder.udiv(length, ir.Constant(_LONG, LANES))) as loop:
                offset = builder.mul(loop.index, ir.Constant(_LONG, LANES))
                wide = builder.sext(_load(builder, weight, offset, _BYTE), ir.VectorType(_SHORT, LANES))
                for start, total in zip(starts, sums, strict=True):
                    products = _pairwise_products(builder, wide, _load(builder, start, offset, _SHORT))
                    builder.store(builder.add(builder.load(total), products), total)
            target = builder.inttoptr(out, _INT.as_pointer())
            for row, total in enumerate(sums):
                value = _horizontal_sum(builder, builder.load(total))
                builder.store(value, builder.gep(target, [ir.Constant(_LONG, row)]))
            return context.get_dummy_value()

        return types.void(*(types.int64,) * 5), generate

    return dot


dot_1, dot_4 = _make_dot(1), _make_dot(4)


@intrinsic
def float_from_bits(typing_context: Any, bits: Any) -> Signature:
    """The float32 whose bit pattern is this uint32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], _FLOAT)

    return types.float32(uint32), generate


@intrinsic
def bits_of_float(typing_context: Any, value: Any) -> Signature:
    """The bit pattern of a float32, as uint32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], _INT)

    return types.uint32(types.float32), generate


@intrinsic
def wait_for_all(typing_context: Any, counter: Any, threads: Any) -> Signature:
    """A barrier: returns once `threads` threads have called it as often as this one. `counter` is the address of an int64
    that begins at zero. What the others wrote before it is seen after it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        address, threads = arguments
        pointer = builder.inttoptr(address, _LONG.as_pointer())
        one = ir.Constant(_LONG, 1)
        before = builder.atomic_rmw("add", pointer, one, "acq_rel")
        target = builder.mul(builder.add(builder.udiv(before, threads), one), threads)
        looks = cgutils.alloca_once_value(builder, ir.Constant(_LONG, 0))
        waiting, done = builder.append_basic_block("waiting"), builder.append_basic_block("met")
        resting, looking = builder.append_basic_block("resting"), builder.append_basic_block("looking")
        builder.branch(looking)
        builder.position_at_end(looking)
        arrived = builder.load_atomic(pointer, "acquire", 8)
        builder.cbranch(builder.icmp_unsigned(">=", arrived, target), done, waiting)
        builder.position_at_end(waiting)
        looked = builder.add(builder.load(looks), one)
        builder.store(looked, looks)
        _pause(builder)
        is_long = builder.icmp_unsigned(">", looked, ir.Constant(_LONG, _LOOKS_BEFORE_YIELD))
        builder.cbranch(is_long, resting, looking)
        builder.position_at_end(resting)
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(_INT, []), "sched_yield"), [])
        builder.branch(looking)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _pause(builder: ir.IRBuilder) -> None:
    """Tell the core that it is waiting: the other thread of the same core gets its share."""
    if IS_X86:
        kind = ir.FunctionType(ir.VoidType(), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])


def is_supported() -> bool:
    """Whether the layout that compiled code relies on is this machine's: little endian."""
    return bool(np.little_endian)
