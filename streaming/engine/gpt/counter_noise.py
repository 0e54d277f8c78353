"""Noise without a state: each number is a function of a seed, of how many draws came before, and of a token.

So a row has the same noise alone and in any batch, on a CPU and on a GPU. The function is splitmix64. Arithmetic of int64
wraps, as that of uint64 does; only shifts to the right have to be kept from repeating the sign.
"""

import torch
from torch import Tensor

from streaming.engine.kernels.splitmix import DIGITS, MULTIPLIERS, PER_DRAW, PER_TOKEN, SHIFTS

_BITS = 2**64


def first_counter(seed: int) -> int:
    """The counter of a seed's first draw, as an int64: seeds next to each other are far apart.

    Raises ValueError for a seed of more than 64 bits.
    """
    if not -(_BITS // 2) <= seed < _BITS:
        raise ValueError("A seed has at most 64 bits.")
    return _signed(_mixed(_mixed(seed % _BITS) + PER_DRAW))


def advanced(counters: Tensor) -> Tensor:
    """The counters of the draws after these."""
    return counters + _signed(PER_DRAW)


def token_steps(vocabulary: int, device: torch.device) -> Tensor:
    """What `log_exponential` adds to a counter for each token: (vocabulary,), int64."""
    return torch.arange(vocabulary, device=device) * _signed(PER_TOKEN)


def log_exponential(counters: Tensor, steps: Tensor) -> Tensor:
    """The logarithm of exponential noise (rows, vocabulary), float64, of counters (rows, 1) and `token_steps` (vocabulary,).

    Subtracted from logarithms of probabilities, it makes the largest that of each token as often as its probability says.
    """
    bits = counters + steps
    bits = (bits ^ _shifted(bits, SHIFTS[0])) * _signed(MULTIPLIERS[0])
    bits = (bits ^ _shifted(bits, SHIFTS[1])) * _signed(MULTIPLIERS[1])
    bits = _shifted(bits ^ _shifted(bits, SHIFTS[2]), 64 - DIGITS)
    # Between 0 and 1, and never one of them. In double, two processors' logarithms differ by less than anybody sees.
    uniform = bits.double().add_(0.5).mul_(2.0**-DIGITS)
    return uniform.log_().neg_().log_()


def _shifted(bits: Tensor, count: int) -> Tensor:
    """To the right, with zeros from the left."""
    return (bits >> count) & ((1 << (64 - count)) - 1)


def _mixed(value: int) -> int:
    """`log_exponential`'s finalizer, for Python's numbers."""
    value = (value ^ (value >> SHIFTS[0])) * MULTIPLIERS[0] % _BITS
    value = (value ^ (value >> SHIFTS[1])) * MULTIPLIERS[1] % _BITS
    return value ^ (value >> SHIFTS[2])


def _signed(value: int) -> int:
    """The int64 with the last 64 bits of `value`."""
    value %= _BITS
    return value - _BITS if value >= _BITS // 2 else value
