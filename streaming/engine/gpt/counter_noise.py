"""Noise without a state: each number is a function of a seed, of how many draws came before, and of a token.

So a row has the same noise alone and in any batch, on a CPU and on a GPU. The function is splitmix64: a counter that grows
by odd numbers, and a finalizer that mixes its 64 bits. Arithmetic of int64 wraps, as that of uint64 does; only shifts to the
right have to be kept from repeating the sign.
"""

import torch
from torch import Tensor

# Splitmix64's multipliers and its step; the second step is that of the generators seeded by it in xoshiro's reference.
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_PER_DRAW = 0x9E3779B97F4A7C15
_PER_TOKEN = 0xD1342543DE82EF95
_BITS = 2**64
# So many of the 64 bits become a number between 0 and 1: with one half added they still fit into a double.
_DIGITS = 52


def first_counter(seed: int) -> int:
    """The counter of a seed's first draw, as an int64: seeds next to each other are far apart.

    Raises ValueError for a seed of more than 64 bits.
    """
    if not -(_BITS // 2) <= seed < _BITS:
        raise ValueError("A seed has at most 64 bits.")
    return _signed(_mixed(_mixed(seed % _BITS) + _PER_DRAW))


def advanced(counters: Tensor) -> Tensor:
    """The counters of the draws after these."""
    return counters + _signed(_PER_DRAW)


def token_steps(vocabulary: int, device: torch.device) -> Tensor:
    """What `log_exponential` adds to a counter for each token: (vocabulary,), int64."""
    return torch.arange(vocabulary, device=device) * _signed(_PER_TOKEN)


def log_exponential(counters: Tensor, steps: Tensor) -> Tensor:
    """The logarithm of exponential noise (rows, vocabulary), float64, of counters (rows, 1) and `token_steps` (vocabulary,).

    Subtracted from logarithms of probabilities, it makes the largest that of each token as often as its probability says.
    """
    bits = counters + steps
    bits = (bits ^ _shifted(bits, 30)) * _signed(_MULTIPLIERS[0])
    bits = (bits ^ _shifted(bits, 27)) * _signed(_MULTIPLIERS[1])
    bits = _shifted(bits ^ _shifted(bits, 31), 64 - _DIGITS)
    # Between 0 and 1, and never one of them. In double, two processors' logarithms differ by less than anybody sees.
    uniform = bits.double().add_(0.5).mul_(2.0**-_DIGITS)
    return uniform.log_().neg_().log_()


def _shifted(bits: Tensor, count: int) -> Tensor:
    """To the right, with zeros from the left."""
    return (bits >> count) & ((1 << (64 - count)) - 1)


def _mixed(value: int) -> int:
    """`log_exponential`'s finalizer, for Python's numbers."""
    value = (value ^ (value >> 30)) * _MULTIPLIERS[0] % _BITS
    value = (value ^ (value >> 27)) * _MULTIPLIERS[1] % _BITS
    return value ^ (value >> 31)


def _signed(value: int) -> int:
    """The int64 with the last 64 bits of `value`."""
    value %= _BITS
    return value - _BITS if value >= _BITS // 2 else value
