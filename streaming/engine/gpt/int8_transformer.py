"""The transformer on CPU with int8 weights: packs them, owns the cache, runs the compiled kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import layer_norm

from streaming.engine.gpt.weights import GptWeights, LinearWeights, NormWeights
from streaming.engine.kernels.crew import Crew
from streaming.engine.kernels.int8_kernel import (
    PADDING,
    Cache,
    Layers,
    Linear,
    Norm,
    Scratch,
    run_head,
    run_layers,
)
from streaming.engine.kernels.int8_product import GROUP, GROUP_BYTES, PANEL, WEIGHT_BYTES

WEIGHT_MAX = 127.0


def pack_linear(linears: Sequence[LinearWeights]) -> Linear:
    """Float weights of one kind, layer by layer, to int8 with a scale per output and group of inputs, in panels."""
    outputs, inputs = linears[0].weight.shape
    panels, groups = -(-outputs // PANEL), inputs // GROUP
    packed = np.zeros((len(linears), panels, groups, GROUP_BYTES), np.int8)
    biases = np.zeros((len(linears), panels * PANEL), np.float32)
    for layer, linear in enumerate(linears):
        weight = torch.zeros(panels * PANEL, inputs)
        weight[:outputs] = linear.weight
        weight = weight.view(panels, PANEL, groups, GROUP)
        scales = _short_floats(weight.abs().amax(dim=3).clamp_(min=1e-12) / WEIGHT_MAX)
        pairs = torch.round(weight / scales[..., None]).to(torch.int8).view(panels, PANEL, groups, GROUP // 2, 2)
        packed[layer, :, :, :WEIGHT_BYTES] = pairs.permute(0, 2, 3, 1, 4).reshape(panels, groups, -1).numpy()
        upper_halves = scales.view(torch.int16).view(panels, PANEL, groups, 2)[..., 1].transpose(1, 2)
        packed[layer, :, :, WEIGHT_BYTES:] = upper_halves.contiguous().view(torch.int8).numpy()
        biases[layer, :outputs] = _array(linear.bias)
    return Linear(packed, biases)


def _short_floats(scales: Tensor) -> Tensor:
    """Those above the given ones, none of them zero, whose lower 16 bits are: so no weight is beyond WEIGHT_MAX."""
    return ((scales.view(torch.int32) + 0xFFFF) & ~0xFFFF).view(torch.float32)


def pack_norm(norms: Sequence[NormWeights]) -> Norm:
    return Norm(np.stack([_array(norm.weight) for norm in norms]), np.stack([_array(norm.bias) for norm in norms]))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.to(torch.float32).numpy())


@dataclass(frozen=True, slots=True)
class Int8Prefix:
    """Keys and values of a sequence's first positions: [layers, heads, positions, size]."""

    keys: NDArray[np.uint16]
    values: NDArray[np.uint16]

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes


class Int8Transformer:
    """Rows of different sequences in one call: a decode step of each, a prefill of one, or both at once."""

    def __init__(self, weights: GptWeights, *, slots: int, positions: int, crew: Crew, most_rows: int = 128) -> None:
        layers = weights.layers
        self._layers = Layers(
            pack_norm([layer.norm_1 for layer in layers]),
            pack_linear([layer.attention_in for layer in layers]),
            pack_linear([layer.attention_out for layer in layers]),
            pack_norm([layer.norm_2 for layer in layers]),
            pack_linear([layer.mlp_in for layer in layers]),
            pack_linear([layer.mlp_out for layer in layers]),
        )
        self._head = pack_linear([weights.audio_head])
        self._final_norms = weights.final_norms
        self._crew = crew
        self._most_rows = max(most_rows, slots)
        width = weights.width
        if width % GROUP:
            raise ValueError(f"int8 needs a model whose width is a multiple of {GROUP}, and this one's is {width}.")
        shape = (len(layers), slots, weights.heads, positions, width // weights.heads)
        self._cache = Cache(np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))
        rows = self._most_rows
        self._scratch = Scratch(
            hidden=np.zeros((rows, width), np.float32),
            mixed=np.zeros((rows, width), np.float32),
            wide=np.zeros((rows, 4 * width), np.float32),
            narrow_input=np.zeros((rows, width + PADDING), np.int16),
            wide_input=np.zeros((rows, 4 * width + PADDING), np.int16),
            row_scale=np.zeros(rows, np.float32),
            scores=np.zeros((crew.threads, positions), np.float32),
            meeting=np.zeros(1, np.int64),
        )
        self._audio_tokens = weights.audio_head.weight.shape[0]
        self._logits = np.zeros((rows, self._head.bias.shape[1]), np.float32)

    def forward(
        self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int], wanted: Sequence[int] | None = None
    ) -> Tensor:
        """hidden (rows, width) of any number of rows, those of one slot one after the other; returns the latents of the
        `wanted` rows, in ascending order, or of all. Keys and values are kept at the rows' positions."""
        chosen = range(len(slots)) if wanted is None else wanted
        parts = [
            self._forward(
                hidden[start:end],
                slots[start:end],
                positions[start:end],
                [row - start for row in chosen if start <= row < end],
            )
            for start, end in _spans(len(slots), self._most_rows)
        ]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _forward(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int], wanted: Sequence[int]) -> Tensor:
        rows, scratch, crew = len(slots), self._scratch, self._crew
        scratch.hidden[:rows] = hidden.numpy()
        rows_wanted, row_slots, row_positions = (np.array(numbers, np.int64) for numbers in (wanted, slots, positions))
        layers, cache = self._layers, self._cache

        def work(thread: int) -> None:
            run_layers(thread, crew.threads, rows, rows_wanted, row_slots, row_positions, layers, cache, scratch)

        crew.run(work)
        latents = torch.from_numpy(scratch.hidden[: len(wanted)].copy())
        for norm in self._final_norms:
            latents = layer_norm(latents, (latents.shape[1],), norm.weight, norm.bias)
        return latents

    def logits(self, latents: Tensor) -> Tensor:
        """(rows, width) to (rows, audio tokens), rows at most as many as slots."""
        rows, crew, array = len(latents), self._crew, latents.numpy()

        def work(thread: int) -> None:
            run_head(thread, crew.threads, rows, self._head, array, self._logits, self._scratch)

        crew.run(work)
        return torch.from_numpy(self._logits[:rows, : self._audio_tokens].copy())

    def save_prefix(self, slot: int, length: int) -> Int8Prefix:
        """The first `length` positions of a slot, for `load_prefix` into any slot."""
        cache = self._cache
        return Int8Prefix(cache.keys[:, slot, :, :length].copy(), cache.values[:, slot, :, :length].copy())

    def load_prefix(self, slot: int, prefix: Int8Prefix) -> None:
        length = prefix.keys.shape[2]
        self._cache.keys[:, slot, :, :length] = prefix.keys
        self._cache.values[:, slot, :, :length] = prefix.values

    def clear(self, slot: int) -> None:
        """Forget a slot's keys and values."""
        for array in self._cache:
            array[:, slot] = 0

    def warm_up(self) -> None:
        """Have the system hand out the cache's memory now: in the middle of a first utterance that takes 0.3 s. (The kernel
        is compiled, or loaded, by the first call.)"""
        for array in self._cache:
            array.fill(0)

    def stop(self) -> None:
        """Nothing: the crew is not this transformer's alone."""


def _spans(length: int, most: int) -> list[tuple[int, int]]:
    return [(start, min(length, start + most)) for start in range(0, length, most)]
