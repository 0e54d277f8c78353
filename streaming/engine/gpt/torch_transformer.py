"""The transformer in PyTorch, in float32 or half precision, on CPU or GPU, with a cache of fixed size.

On a GPU a decode step runs over the first slots, used or not, with shapes from a short list, so that it can be captured as a
CUDA graph and replayed: nothing is allocated and nothing is launched from Python then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from streaming.engine.devices import sent
from streaming.engine.gpt.cuda_graphs import Capture
from streaming.engine.gpt.key_value_cache import KeyValueCache, TensorPrefix
from streaming.engine.gpt.weights import GptWeights, LayerWeights, LinearWeights, NormWeights

# Attention of a fixed step reads this many positions at least; then twice as many, and so on.
_FEWEST_POSITIONS = 128
# Fused attention takes masks whose rows have a multiple of so many positions; any other is copied in every layer.
_POSITION_STEP = 16


@dataclass(frozen=True, slots=True)
class _Step:
    """A decode step of fixed shape: its inputs and output stay where they are."""

    hidden: Tensor  # (rows, width)
    positions: Tensor  # (rows,)
    latents: Tensor  # (rows, width)
    repeat: Callable[[], object]


class TorchTransformer:
    """Rows of different sequences in one call: a decode step of each, or a prefill of one.

    With `capture`, decode steps are taken in fixed shapes, which are captured once.
    """

    def __init__(
        self,
        weights: GptWeights,
        *,
        slots: int,
        positions: int,
        device: torch.device,
        dtype: torch.dtype,
        capture: Capture | None = None,
    ) -> None:
        self._device, self._dtype = device, dtype
        self._heads = weights.heads
        self._layers = [layer.to(device, dtype) for layer in weights.layers]
        # The last two norms and the head decide what is said: they stay in float32.
        self._final_norms = [norm.to(device, torch.float32) for norm in weights.final_norms]
        self._head = weights.audio_head.to(device, torch.float32)
        self._slots = slots
        # One position more than any sequence has: rows of a fixed step that are not in use write there.
        self._spare = positions
        self._positions = _up_to_step(positions + 1)
        shape = (len(self._layers), slots, weights.heads, self._positions, weights.width // weights.heads)
        self._cache = KeyValueCache(shape, device, dtype)
        self._keys, self._values = self._cache.keys, self._cache.values
        self._head_index = torch.arange(weights.heads, device=device)[None]
        self._capture = capture
        self._steps: dict[tuple[int, int], _Step] = {}

    def forward(
        self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int], wanted: Sequence[int] | None = None
    ) -> Tensor:
        """hidden (rows, width), those of one slot one after the other; returns the latents of the `wanted` rows, or of all,
        in float32. Keys and values are kept at the rows' positions."""
        latents = self._forward(hidden, slots, positions)
        if wanted is None or len(wanted) == len(slots):
            return latents
        # Views: an index would have to be sent to the device.
        parts = [latents[rows] for rows in _in_a_row(wanted)]
        return torch.cat(parts) if len(parts) > 1 else parts[0] if parts else latents[:0]

    def _forward(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int]) -> Tensor:
        if self._capture and len(set(slots)) == len(slots):
            return self._forward_fixed(self._capture, hidden, slots, positions)
        x = hidden.to(self._device, self._dtype)
        slot_index = sent(torch.tensor(slots), self._device)
        position_index = sent(torch.tensor(positions), self._device)
        # Each run of rows of one slot attends to that slot. One mask serves all layers.
        runs = [(rows, slots[rows.start], _up_to_step(positions[rows.stop - 1] + 1)) for rows in _runs(slots)]
        masks = [self._mask(position_index[rows], length)[None, None] for rows, _, length in runs]
        for number, layer in enumerate(self._layers):
            query = self._project(number, layer, x, slot_index, position_index)
            mixed = [
                self._attend(number, query[rows], slot, mask) for (rows, slot, _), mask in zip(runs, masks, strict=True)
            ]
            x = x + _apply(layer.attention_out, torch.cat(mixed) if len(mixed) > 1 else mixed[0])
            x = x + _mlp(layer, x)
        return self._latents(x)

    def logits(self, latents: Tensor) -> Tensor:
        """(rows, width) to (rows, audio tokens), float32."""
        return _apply(self._head, latents)

    def save_prefix(self, slot: int, length: int) -> TensorPrefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        return self._cache.save_prefix(slot, length)

    def load_prefix(self, slot: int, prefix: TensorPrefix) -> None:
        self._cache.load_prefix(slot, prefix)

    def clear(self, slot: int) -> None:
        """Forget a slot's keys and values, and what captured steps hold of it."""
        self._keys[:, slot] = 0.0
        self._values[:, slot] = 0.0
        for step in self._steps.values():
            step.hidden[slot : slot + 1] = 0.0

    def warm_up(self) -> None:
        """Capture every fixed step that can come up, so that none is captured while somebody waits."""
        if not self._capture:
            return
        # The largest first: the others find room in its memory.
        for rows in reversed(_sizes(1, self._slots)):
            for length in reversed(_sizes(_FEWEST_POSITIONS, self._positions)):
                self._fixed_step(self._capture, rows, length)

    def stop(self) -> None:
        self._steps.clear()

    def _project(self, number: int, layer: LayerWeights, x: Tensor, slots: Tensor, positions: Tensor) -> Tensor:
        """Queries (rows, heads, size); keys and values go to the cache."""
        projected = _apply(layer.attention_in, _normalise(layer.norm_1, x))
        query, key, value = projected.view(len(x), 3, self._heads, -1).unbind(1)
        places = (slots[:, None], self._head_index, positions[:, None])
        self._keys[number].index_put_(places, key)
        self._values[number].index_put_(places, value)
        return query

    def _mask(self, positions: Tensor, length: int) -> Tensor:
        """(rows, length), to be added to scores: 0 up to the position of the row, minus infinity after it."""
        is_behind = torch.arange(length, device=self._device) > positions[:, None]
        return torch.zeros(is_behind.shape, device=self._device, dtype=self._dtype).masked_fill_(is_behind, -torch.inf)

    def _attend(self, number: int, query: Tensor, slot: int, mask: Tensor) -> Tensor:
        """Rows of one slot (rows, heads, size) over the positions that `mask` (1, 1, rows, length) leaves; (rows, width)."""
        length = mask.shape[-1]
        # Of four dimensions: for three, PyTorch has no fused attention.
        keys, values = (cache[number, slot : slot + 1, :, :length] for cache in (self._keys, self._values))
        mixed = scaled_dot_product_attention(query.transpose(0, 1)[None], keys, values, attn_mask=mask)
        return mixed[0].transpose(0, 1).flatten(1)

    def _latents(self, x: Tensor) -> Tensor:
        latents = x.float()
        for norm in self._final_norms:
            latents = _normalise(norm, latents)
        return latents

    # Steps of fixed shape

    def _forward_fixed(
        self, capture: Capture, hidden: Tensor, slots: Sequence[int], positions: Sequence[int]
    ) -> Tensor:
        rows = _size(1, max(slots) + 1, self._slots)
        step = self._fixed_step(capture, rows, _size(_FEWEST_POSITIONS, max(positions) + 1, self._positions))
        index = sent(torch.tensor(slots), self._device)
        step.positions.fill_(self._spare)
        step.positions[index] = sent(torch.tensor(positions), self._device)
        step.hidden[index] = hidden.to(self._device, self._dtype)
        step.repeat()
        return step.latents[index]

    def _fixed_step(self, capture: Capture, rows: int, length: int) -> _Step:
        if step := self._steps.get((rows, length)):
            return step
        hidden = torch.zeros(rows, self._layers[0].norm_1.weight.shape[0], device=self._device, dtype=self._dtype)
        positions = torch.full((rows,), self._spare, device=self._device)
        latents, repeat = capture(lambda: self._run_fixed(hidden, positions, length))
        step = self._steps[rows, length] = _Step(hidden, positions, latents, repeat)
        return step

    def _run_fixed(self, hidden: Tensor, positions: Tensor, length: int) -> Tensor:
        """One row for each of the first slots; a row at the spare position is not in use."""
        rows = len(hidden)
        slots = torch.arange(rows, device=self._device)
        mask = self._mask(positions, length)[:, None, None]
        x = hidden
        for number, layer in enumerate(self._layers):
            query = self._project(number, layer, x, slots, positions)
            keys, values = self._keys[number, :rows, :, :length], self._values[number, :rows, :, :length]
            mixed = scaled_dot_product_attention(query[:, :, None], keys, values, attn_mask=mask)
            x = x + _apply(layer.attention_out, mixed.flatten(1))
            x = x + _mlp(layer, x)
        return self._latents(x)


def _up_to_step(positions: int) -> int:
    return -(-positions // _POSITION_STEP) * _POSITION_STEP


def _runs(slots: Sequence[int]) -> list[slice]:
    """Rows that stand next to each other and belong to one slot."""
    starts = [row for row in range(len(slots)) if row == 0 or slots[row] != slots[row - 1]]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(slots)], strict=True)]


def _in_a_row(rows: Sequence[int]) -> list[slice]:
    """Numbers in ascending order, as slices of those that follow each other."""
    slices: list[slice] = []
    for row in rows:
        if slices and slices[-1].stop == row:
            slices[-1] = slice(slices[-1].start, row + 1)
        else:
            slices.append(slice(row, row + 1))
    return slices


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
