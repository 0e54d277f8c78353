"""What the processor that numba compiles for has: this machine's, or the one that NUMBA_CPU_NAME, NUMBA_CPU_FEATURES and
NUMBA_ENABLE_AVX describe.

LLVM ends the process where code asks for an instruction that its target lacks. So LLVM is asked what the target has: it
translates small functions of plain vectors, and the registers in its assembly tell. Lists of features would not do: they
name the machine's own only, and say neither what a name includes nor what one feature takes from another.
"""

import re

from llvmlite import binding
from numba.core.registry import cpu_target

# As numba gives them to LLVM.
TRIPLE, CPU_NAME, CPU_FEATURES = cpu_target.target_context.codegen().magic_tuple()
IS_X86 = "x86" in TRIPLE or "amd64" in TRIPLE

_MULTIPLY_SHORTS = """
define <32 x i16> @probe(<32 x i16> %a, <32 x i16> %b) {
  %product = mul <32 x i16> %a, %b
  ret <32 x i16> %product
}"""
_MULTIPLY_FLOATS = """
define <16 x float> @probe(<16 x float> %a, <16 x float> %b) {
  %product = fmul <16 x float> %a, %b
  ret <16 x float> %product
}"""
_MULTIPLY_AND_ADD = """
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
define <4 x float> @probe(<4 x float> %a, <4 x float> %b, <4 x float> %c) {
  %sum = call <4 x float> @llvm.fma.v4f32(<4 x float> %a, <4 x float> %b, <4 x float> %c)
  ret <4 x float> %sum
}"""
# The multiplication of 16-bit integers or of floats, and its first register.
_MULTIPLICATION = re.compile(r"\bv?(?:pmullw|mulps)\s+%([xyz])mm")
# Lanes of 32 bits. Other processors than x86 are taken for ones with 32 registers of four lanes, two of which make a vector.
_LANES = {"x": 4, "y": 8, "z": 16}
_OTHER_LANES = 8


def _assembly(code: str) -> str:
    machine = binding.Target.from_triple(TRIPLE).create_target_machine(cpu=CPU_NAME, features=CPU_FEATURES, opt=2)
    return str(machine.emit_assembly(binding.parse_assembly(code)))


def _lanes(code: str) -> int:
    """Lanes of 32 bits in the registers in which the target multiplies."""
    found = _MULTIPLICATION.search(_assembly(code)) if IS_X86 else None
    return _LANES[found[1]] if found else _OTHER_LANES


# Lanes of 32 bits in a vector of floats; and in one of integers, whose 16-bit halves are multiplied.
FLOAT_LANES = _lanes(_MULTIPLY_FLOATS)
INTEGER_LANES = _lanes(_MULTIPLY_SHORTS)
# Without the instruction, a function of the C library is called for every lane.
HAS_FUSED_MULTIPLY_ADD = "fmaf" not in _assembly(_MULTIPLY_AND_ADD)
