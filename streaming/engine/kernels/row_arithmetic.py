"""What a row of a transformer goes through besides matrix products, in float32, compiled."""

import numpy as np
from numpy.typing import NDArray

from streaming.engine.kernels.compiled import compiled
from streaming.engine.kernels.compiled import compiled_with_reordered_sums as _compile
from streaming.engine.kernels.processor import HAS_FUSED_MULTIPLY_ADD
from streaming.engine.kernels.simd import bits_of_float, float_from_bits

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]
Halves = NDArray[np.uint16]

# The sum of a group's products with int8 still fits 32 bits.
ACTIVATION_MAX = 32767.0


@compiled
def _without_twos(x: float, n: float) -> float:
    """x - n * log(2), the logarithm in two parts: the first has so few digits that its product is not rounded."""
    return x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)


@_compile
def exponential(x: float) -> float:
    """e to the x in float32, within two units in the last place; unlike the library's it can be vectorised."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    n = np.rint(x * np.float32(1.44269504))
    if HAS_FUSED_MULTIPLY_ADD:  # noqa: SIM108 (numba leaves out the branch that cannot be taken)
        # Reordered, the two parts are one, whose product is not rounded either.
        r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)
    else:
        r = _without_twos(x, n)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    return p * float_from_bits(np.uint32((np.int32(n) + np.int32(127)) << np.int32(23)))


@_compile
def widen(half: int) -> float:
    return float_from_bits(np.uint32(half) << np.uint32(16))


@_compile
def narrow(value: float) -> int:
    """To bfloat16, rounded to nearest even."""
    bits = bits_of_float(np.float32(value))
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@_compile
def narrow_all(values: Floats, into: Halves) -> None:
    """`narrow` of each, into as many places."""
    for i in range(values.shape[0]):
        into[i] = narrow(values[i])


@_compile
def largest_size(values: Floats) -> float:
    """The largest absolute value. LLVM does not vectorise the maximum of floats; bit patterns without their sign have the
    same order."""
    largest = np.uint32(0)
    for i in range(values.shape[0]):
        largest = max(largest, bits_of_float(values[i]) & np.uint32(0x7FFFFFFF))
    return float_from_bits(largest)


@_compile
def quantise(values: Floats, into: Shorts) -> float:
    """Round a row to 16 bits; returns what one step of it is worth."""
    largest = largest_size(values)
    if largest == 0.0:
        into[: values.shape[0]] = 0
        return np.float32(0.0)
    inverse = np.float32(ACTIVATION_MAX) / largest
    for i in range(values.shape[0]):
        into[i] = np.int16(np.rint(values[i] * inverse))
    return largest / np.float32(ACTIVATION_MAX)


@_compile
def normalise(row: Floats, weight: Floats, bias: Floats, out: Floats) -> None:
    """Layer norm of one row (epsilon 1e-5, as GPT-2 has it)."""
    width = row.shape[0]
    mean = np.float32(0.0)
    for i in range(width):
        mean += row[i]
    mean /= np.float32(width)
    variance = np.float32(0.0)
    for i in range(width):
        variance += (row[i] - mean) * (row[i] - mean)
    factor = np.float32(1.0) / np.sqrt(variance / np.float32(width) + np.float32(1e-5))
    for i in range(width):
        out[i] = (row[i] - mean) * factor * weight[i] + bias[i]


@_compile
def gelu(row: Floats) -> None:
    """GPT-2's GELU (the tanh form), in place."""
    for i in range(row.shape[0]):
        x = row[i]
        inner = np.float32(1.5957691216) * (x + np.float32(0.044715) * x * x * x)
        row[i] = x / (np.float32(1.0) + exponential(-inner))
