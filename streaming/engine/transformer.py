"""The transformer in PyTorch, in float32 or half precision, on CPU or GPU, with a cache of fixed size.

On a GPU a decode step runs over the first slots, used or not, with shapes from a short list, so that it can be captured as a
CUDA graph and replayed: nothing is allocated and nothing is launched from Python then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from streaming.engine.gpt_weights import GptWeights, LayerWeights, LinearWeights, NormWeights

# Attention of a fixed step reads this many positions at least; then twice as many, and so on.
_FEWEST_POSITIONS = 128


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of a sequence's first positions: (layers, heads, positions, size)."""

    keys: Tensor
    values: Tensor


@dataclass(slots=True)
class _Step:
    """A decode step of fixed shape: its inputs and output stay where they are."""

    hidden: Tensor  # (rows, width)
    positions: Tensor  # (rows,)
    latents: Tensor  # (rows, width)
    graph: "torch.cuda.CUDAGraph | None" = None


class TorchTransformer:
    """Rows of different sequences in one call: a decode step of each, or a prefill of one.

    `fixed_steps`: take decode steps in fixed shapes; on CUDA as graphs.
    """

    def __init__(
        self,
        weights: GptWeights,
        *,
        slots: int,
        positions: int,
        device: torch.device,
        dtype: torch.dtype,
        fixed_steps: bool | None = None,
    ) -> None:
        self._device, self._dtype = device, dtype
        self._heads = weights.heads
        self._layers = [_layer_to(layer, device, dtype) for layer in weights.layers]
        # The last two norms and the head decide what is said: they stay in float32.
        self._final_norms = [_norm_to(norm, device, torch.float32) for norm in weights.final_norms]
        self._head = _linear_to(weights.audio_head, device, torch.float32)
        self._slots = slots
        # One position more than any sequence has: rows of a fixed step that are not in use write there.
        self._positions = positions
        shape = (len(self._layers), slots, weights.heads, positions + 1, weights.width // weights.heads)
        self._keys = torch.zeros(shape, device=device, dtype=dtype)
        self._values = torch.zeros(shape, device=device, dtype=dtype)
        self._fixed_steps = device.type == "cuda" if fixed_steps is None else fixed_steps
        self._steps: dict[tuple[int, int], _Step] = {}

    def forward(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int]) -> Tensor:
        """hidden (rows, width), those of one slot one after the other; returns the latents (rows, width), float32. Keys and
        values are kept at the rows' positions."""
        if self._fixed_steps and len(set(slots)) == len(slots):
            return self._forward_fixed(hidden, slots, positions)
        x = hidden.to(self._device, self._dtype)
        slot_index = torch.tensor(slots, device=self._device)
        position_index = torch.tensor(positions, device=self._device)
        for number, layer in enumerate(self._layers):
            query = self._project(number, layer, x, slot_index, position_index)
            mixed = torch.cat([self._attend(number, query[rows], slots, positions, rows) for rows in _runs(slots)])
            x = x + _apply(layer.attention_out, mixed)
            x = x + _mlp(layer, x)
        return self._latents(x)

    def logits(self, latents: Tensor) -> Tensor:
        """(rows, width) to (rows, audio tokens), float32."""
        return _apply(self._head, latents)

    def save_prefix(self, slot: int, length: int) -> Prefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        return Prefix(self._keys[:, slot, :, :length].clone(), self._values[:, slot, :, :length].clone())

    def load_prefix(self, slot: int, prefix: Prefix) -> None:
        length = prefix.keys.shape[2]
        self._keys[:, slot, :, :length] = prefix.keys
        self._values[:, slot, :, :length] = prefix.values

    def warm_up(self) -> None:
        """Make every fixed step that can come up, so that none is made while somebody waits."""
        if not self._fixed_steps:
            return
        for rows in _sizes(1, self._slots):
            for length in _sizes(_FEWEST_POSITIONS, self._positions):
                self._fixed_step(rows, length)

    def stop(self) -> None:
        self._steps.clear()

    def _project(self, number: int, layer: LayerWeights, x: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
        """Queries (rows, heads, size); keys and values go to the cache."""
        projected = _apply(layer.attention_in, _normalise(layer.norm_1, x))
        query, key, value = projected.view(len(x), 3, self._heads, -1).unbind(1)
        self._keys[number].index_put_((slots[:, None], _head_index(self._heads, x.device), positions[:, None]), key)
        self._values[number].index_put_((slots[:, None], _head_index(self._heads, x.device), positions[:, None]), value)
        return query

    def _attend(
        self, number: int, query: Tensor, slots: Sequence[int], positions: Sequence[int], rows: slice
    ) -> Tensor:
        """Rows of one slot (rows, heads, size) over the positions up to their own; (rows, width)."""
        slot, end = slots[rows.start], positions[rows.stop - 1] + 1
        keys, values = self._keys[number, slot, :, :end], self._values[number, slot, :, :end]
        mask = None
        if len(query) > 1:
            own = torch.tensor(positions[rows], device=self._device)
            mask = torch.arange(end, device=self._device) <= own[:, None]
        mixed = scaled_dot_product_attention(query.transpose(0, 1), keys, values, attn_mask=mask)
        return mixed.transpose(0, 1).flatten(1)

    def _latents(self, x: Tensor) -> Tensor:
        latents = x.float()
        for norm in self._final_norms:
            latents = _normalise(norm, latents)
        return latents

    # Steps of fixed shape

    def _forward_fixed(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int]) -> Tensor:
        step = self._fixed_step(_size(1, max(slots) + 1, self._slots), self._length(max(positions) + 1))
        index = torch.tensor(slots, device=self._device)
        step.positions.fill_(self._positions)
        step.positions[index] = torch.tensor(positions, device=self._device)
        step.hidden[index] = hidden.to(self._device, self._dtype)
        if step.graph:
            step.graph.replay()
        else:
            step.latents = self._run_fixed(step.hidden, step.positions, self._length(max(positions) + 1))
        return step.latents[index]

    def _length(self, needed: int) -> int:
        return _size(_FEWEST_POSITIONS, needed, self._positions)

    def _fixed_step(self, rows: int, length: int) -> _Step:
        if step := self._steps.get((rows, length)):
            return step
        hidden = torch.zeros(rows, self._layers[0].norm_1.weight.shape[0], device=self._device, dtype=self._dtype)
        positions = torch.full((rows,), self._positions, device=self._device)
        step = self._steps[rows, length] = _Step(hidden, positions, hidden.float())
        if self._device.type == "cuda":
            self._capture(step, length)
        return step

    def _capture(self, step: _Step, length: int) -> None:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._run_fixed(step.hidden, step.positions, length)
        torch.cuda.current_stream().wait_stream(side)
        step.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(step.graph):
            step.latents = self._run_fixed(step.hidden, step.positions, length)

    def _run_fixed(self, hidden: Tensor, positions: Tensor, length: int) -> Tensor:
        """One row for each of the first slots; a row at the spare position is not in use."""
        rows = len(hidden)
        slots = torch.arange(rows, device=self._device)
        mask = (torch.arange(length, device=self._device) <= positions[:, None])[:, None, None]
        x = hidden
        for number, layer in enumerate(self._layers):
            query = self._project(number, layer, x, slots, positions)
            keys, values = self._keys[number, :rows, :, :length], self._values[number, :rows, :, :length]
            mixed = scaled_dot_product_attention(query[:, :, None], keys, values, attn_mask=mask)
            x = x + _apply(layer.attention_out, mixed.flatten(1))
            x = x + _mlp(layer, x)
        return self._latents(x)


def _head_index(heads: int, device: torch.device) -> Tensor:
    return torch.arange(heads, device=device)[None]


def _runs(slots: Sequence[int]) -> list[slice]:
    """Rows that stand next to each other and belong to one slot."""
    starts = [row for row in range(len(slots)) if row == 0 or slots[row] != slots[row - 1]]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(slots)], strict=True)]


def _size(least: int, needed: int, most: int) -> int:
    """The smallest of `least`, its doubles and `most` that is enough."""
    size = least
    while size < needed:
        size *= 2
    return min(size, most)


def _sizes(least: int, most: int) -> list[int]:
    sizes = [_size(least, 1, most)]
    while sizes[-1] < most:
        sizes.append(_size(least, sizes[-1] + 1, most))
    return sizes


def _normalise(norm: NormWeights, x: Tensor) -> Tensor:
    return layer_norm(x, (x.shape[-1],), norm.weight, norm.bias)


def _apply(weights: LinearWeights, x: Tensor) -> Tensor:
    return linear(x, weights.weight, weights.bias)


def _mlp(layer: LayerWeights, x: Tensor) -> Tensor:
    inner = gelu(_apply(layer.mlp_in, _normalise(layer.norm_2, x)), approximate="tanh")
    return _apply(layer.mlp_out, inner)


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
