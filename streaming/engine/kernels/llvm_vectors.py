"""Small pieces of LLVM code for functions that numba compiles: vectors, addresses, and loops that stay as they are written.

Addresses are plain integers in compiled code (`array.ctypes.data`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from streaming.engine.kernels.processor import HAS_FUSED_MULTIPLY_ADD

SHORT, INT, LONG, FLOAT = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
# What an intrinsic gives back: the signature, and the function that writes its code.
Signature = tuple[Any, Callable[..., Any]]


def pointer(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type = FLOAT) -> ir.Value:
    return builder.inttoptr(address, kind.as_pointer())


def at(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value | int) -> ir.Value:
    """So many elements behind a pointer."""
    return builder.gep(base, [ir.Constant(LONG, offset) if isinstance(offset, int) else offset])


def load(builder: ir.IRBuilder, place: ir.Value, kind: ir.Type, align: int = 4) -> ir.Value:
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=align)


def store(builder: ir.IRBuilder, value: ir.Value, place: ir.Value) -> None:
    builder.store(value, builder.bitcast(place, value.type.as_pointer()), align=4)


def spread(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """One value in all lanes of a vector."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(INT, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(INT, lanes), [0] * lanes))


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """a * b + c for vectors of float32, rounded once where the processor can do that."""
    if not HAS_FUSED_MULTIPLY_ADD:
        return builder.fadd(builder.fmul(a, b), c)
    function = f"llvm.fma.v{a.type.count}f32"
    kind = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, function), [a, b, c])


def prefetch(builder: ir.IRBuilder, place: ir.Value, *, closeness: int = 3) -> None:
    """What lies there will be read soon: into a cache of the first level, or with `closeness` 2 of the second, which can
    wait for more lines at a time. Only a hint: an address that does not exist does no harm."""
    kind = ir.FunctionType(ir.VoidType(), [place.type, INT, INT, INT])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, close, data = (ir.Constant(INT, number) for number in (0, closeness, 1))
    builder.call(function, [place, read, close, data])


@contextmanager
def rolled_loop(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
    """`for index in range(start, stop)`, which LLVM leaves as it is.

    Unrolled, a tile's loop would ask for more registers than there are, and spend its time on moving sums to and fro.
    """
    before, function = builder.block, builder.function
    head, body, behind = (function.append_basic_block(f"rolled.{name}") for name in ("head", "body", "behind"))
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
