"""What compiled code needs of the processor beyond what numba offers: bit patterns of floats, and a barrier for threads that
meet thousands of times a second.

Each function here is for use in functions compiled by numba. Addresses are plain integers (`array.ctypes.data`).
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types, uint32
from numba.core import cgutils
from numba.extending import intrinsic

from streaming.engine.kernels.llvm_vectors import FLOAT, INT, LONG, Signature
from streaming.engine.kernels.processor import IS_X86

# How often a waiting thread looks before it offers its core to somebody else: some tens of microseconds.
_LOOKS_BEFORE_YIELD = 2000


@intrinsic
def float_from_bits(typing_context: Any, bits: Any) -> Signature:
    """The float32 whose bit pattern is this uint32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], FLOAT)

    return types.float32(uint32), generate


@intrinsic
def bits_of_float(typing_context: Any, value: Any) -> Signature:
    """The bit pattern of a float32, as uint32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], INT)

    return types.uint32(types.float32), generate


@intrinsic
def wait_for_all(typing_context: Any, counter: Any, threads: Any) -> Signature:
    """A barrier: returns once `threads` threads have called it as often as this one. `counter` is the address of an int64
    that begins at zero. What the others wrote before it is seen after it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        address, threads = arguments
        pointer = builder.inttoptr(address, LONG.as_pointer())
        one = ir.Constant(LONG, 1)
        before = builder.atomic_rmw("add", pointer, one, "acq_rel")
        target = builder.mul(builder.add(builder.udiv(before, threads), one), threads)
        looks = cgutils.alloca_once_value(builder, ir.Constant(LONG, 0))
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
        is_long = builder.icmp_unsigned(">", looked, ir.Constant(LONG, _LOOKS_BEFORE_YIELD))
        builder.cbranch(is_long, resting, looking)
        builder.position_at_end(resting)
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(INT, []), "sched_yield"), [])
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
