"""Keys and values of sequences in slots, as tensors of fixed size."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class TensorPrefix:
    """Keys and values of a sequence's first positions: (layers, heads, positions, size)."""

    keys: Tensor
    values: Tensor

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes


class KeyValueCache:
    """`keys` and `values`: (layers, slots, heads, positions, size), zeros at first."""

    def __init__(self, shape: tuple[int, int, int, int, int], device: torch.device, dtype: torch.dtype) -> None:
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)

    def save_prefix(self, slot: int, length: int) -> TensorPrefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        return TensorPrefix(self.keys[:, slot, :, :length].clone(), self.values[:, slot, :, :length].clone())

    def load_prefix(self, slot: int, prefix: TensorPrefix) -> None:
        length = prefix.keys.shape[2]
        self.keys[:, slot, :, :length] = prefix.keys
        self.values[:, slot, :, :length] = prefix.values
