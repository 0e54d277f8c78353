"""The transformer's layers over rows of any slots, decode steps and texts alike: each row attends to what its slot holds up
to the row's own position. Nothing here waits or depends on values, so a call can be recorded and repeated.
"""

import torch
from torch import Tensor

from streaming.engine.gpt.key_value_cache import KeyValueCache, TensorPrefix
from streaming.engine.gpt.weights import GptWeights, LinearWeights
from streaming.engine.gpu.transformer_kernels import add_norm, attend, keep, product

# Into so many parts is a sum over the depth cut that has few columns: there would be too few tiles for a GPU otherwise.
_PARTS = 4
# Columns of a product come in multiples of this.
COLUMNS = 32


class Layers:
    """With a cache for `slots` sequences, and one slot more for rows that are not in use."""

    def __init__(
        self, weights: GptWeights, *, slots: int, positions: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._dtype, self._width = dtype, weights.width
        self._layers = [layer.to(device, dtype) for layer in weights.layers]
        first, *_ = weights.final_norms
        self._last_norm = first.to(device, torch.float32)
        shape = (len(self._layers), slots + 1, weights.heads, positions, weights.width // weights.heads)
        self._cache = KeyValueCache(shape, device, dtype)

    def forward(self, signal: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
        """signal (rows, width) float32, which becomes the last layer's sum; slots and positions (rows,) int32. Returns the
        transformer's own last norm of it, float32."""
        rows, width = signal.shape
        normal = self._empty(rows, width)
        addends: Tensor | None = None
        bias: Tensor | None = None
        for number, layer in enumerate(self._layers):
            keys, values = self._cache.keys[number], self._cache.values[number]
            add_norm(signal, addends, bias, layer.norm_1.weight, layer.norm_1.bias, normal)
            projected = self._product(normal, layer.attention_in)
            keep(projected, keys, values, slots, positions)
            mixed = attend(projected, keys, values, slots, positions, self._empty(rows, width))
            addends = self._sums(mixed, layer.attention_out)
            add_norm(signal, addends, layer.attention_out.bias, layer.norm_2.weight, layer.norm_2.bias, normal)
            inner = self._product(normal, layer.mlp_in, gelu=True)
            addends, bias = self._sums(inner, layer.mlp_out), layer.mlp_out.bias
        return add_norm(signal, addends, bias, self._last_norm.weight, self._last_norm.bias, torch.empty_like(signal))

    def save_prefix(self, slot: int, length: int) -> TensorPrefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        return self._cache.save_prefix(slot, length)

    def load_prefix(self, slot: int, prefix: TensorPrefix) -> None:
        self._cache.load_prefix(slot, prefix)

    def _product(self, x: Tensor, weights: LinearWeights, *, gelu: bool = False) -> Tensor:
        return product(x, weights.weight, weights.bias, self._empty(1, len(x), len(weights.weight)), gelu=gelu)[0]

    def _sums(self, x: Tensor, weights: LinearWeights) -> Tensor:
        """The product with `weights` in parts, without its bias: (parts, rows, columns) float32."""
        out = torch.empty(_PARTS, len(x), len(weights.weight), device=x.device)
        return product(x, weights.weight, None, out)

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, device=self._cache.keys.device, dtype=self._dtype)
