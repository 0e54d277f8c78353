"""The transformer's layers over rows of any slots, decode steps and texts alike: each row attends to what its slot holds up
to the row's own position. Nothing here waits or depends on values, so a call can be recorded and repeated.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from streaming.engine.gpt.weights import GptWeights, LayerWeights, LinearWeights, NormWeights
from streaming.engine.gpu.transformer_kernels import add_norm, attend, keep, product

# Into so many parts is a sum over the depth cut that has few columns: there would be too few tiles for a GPU otherwise.
_PARTS = 4
# Columns of a product come in multiples of this.
COLUMNS = 32


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """Keys and values of a sequence's first positions: (layers, heads, positions, size)."""

    keys: Tensor
    values: Tensor

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes


class Layers:
    """With a cache for `slots` sequences, and one slot more for rows that are not in use."""

    def __init__(
        self, weights: GptWeights, *, slots: int, positions: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._dtype, self._width = dtype, weights.width
        self._layers = [_layer_to(layer, device, dtype) for layer in weights.layers]
        first, *_ = weights.final_norms
        self._last_norm = NormWeights(first.weight.to(device), first.bias.to(device))
        shape = (len(self._layers), slots + 1, weights.heads, positions, weights.width // weights.heads)
        self._keys = torch.zeros(shape, device=device, dtype=dtype)
        self._values = torch.zeros(shape, device=device, dtype=dtype)

    def forward(self, signal: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
        """signal (rows, width) float32, which becomes the last layer's sum; slots and positions (rows,) int32. Returns the
        transformer's own last norm of it, float32."""
        rows, width = signal.shape
        normal = self._empty(rows, width)
        addends: Tensor | None = None
        bias: Tensor | None = None
        for number, layer in enumerate(self._layers):
            keys, values = self._keys[number], self._values[number]
            add_norm(signal, addends, bias, layer.norm_1.weight, layer.norm_1.bias, normal)
            projected = self._product(normal, layer.attention_in)
            keep(projected, keys, values, slots, positions)
            mixed = attend(projected, keys, values, slots, positions, self._empty(rows, width))
            addends = self._sums(mixed, layer.attention_out)
            add_norm(signal, addends, layer.attention_out.bias, layer.norm_2.weight, layer.norm_2.bias, normal)
            inner = self._product(normal, layer.mlp_in, gelu=True)
            addends, bias = self._sums(inner, layer.mlp_out), layer.mlp_out.bias
        return add_norm(signal, addends, bias, self._last_norm.weight, self._last_norm.bias, torch.empty_like(signal))

    def save_prefix(self, slot: int, length: int) -> StoredPrefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        return StoredPrefix(self._keys[:, slot, :, :length].clone(), self._values[:, slot, :, :length].clone())

    def load_prefix(self, slot: int, prefix: StoredPrefix) -> None:
        length = prefix.keys.shape[2]
        self._keys[:, slot, :, :length] = prefix.keys
        self._values[:, slot, :, :length] = prefix.values

    def _product(self, x: Tensor, weights: LinearWeights, *, gelu: bool = False) -> Tensor:
        return product(x, weights.weight, weights.bias, self._empty(1, len(x), len(weights.weight)), gelu=gelu)[0]

    def _sums(self, x: Tensor, weights: LinearWeights) -> Tensor:
        """The product with `weights` in parts, without its bias: (parts, rows, columns) float32."""
        out = torch.empty(_PARTS, len(x), len(weights.weight), device=x.device)
        return product(x, weights.weight, None, out)

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, device=self._keys.device, dtype=self._dtype)


def _layer_to(layer: LayerWeights, device: torch.device, dtype: torch.dtype) -> LayerWeights:
    return LayerWeights(
        _norm_to(layer.norm_1, device, dtype),
        _linear_to(layer.attention_in, device, dtype),
        _linear_to(layer.attention_out, device, dtype),
        _norm_to(layer.norm_2, device, dtype),
        _linear_to(layer.mlp_in, device, dtype),
        _linear_to(layer.mlp_out, device, dtype),
    )


def _norm_to(norm: NormWeights, device: torch.device, dtype: torch.dtype) -> NormWeights:
    return NormWeights(norm.weight.to(device, dtype), norm.bias.to(device, dtype))


def _linear_to(weights: LinearWeights, device: torch.device, dtype: torch.dtype) -> LinearWeights:
    return LinearWeights(weights.weight.to(device, dtype).contiguous(), weights.bias.to(device, dtype))
