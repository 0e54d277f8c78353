"""XTTS's GPT on slots: text and voice in, latents and token scores out, one step at a time.

A sequence is [32 positions of the voice | start, text, stop | start of audio, audio tokens ...]. Its first part depends on
the voice alone, so its keys and values are computed once per voice and copied from then on.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from streaming.engine.conditioning import CONDITIONING_LENGTH
from streaming.engine.devices import sent
from streaming.engine.gpt.weights import GptWeights

# Room for 130 voices at full size, in half precision or int8.
VOICE_CACHE_BYTES = 512 * 2**20


class Prefix(Protocol):
    """Keys and values of a sequence's first positions."""

    @property
    def nbytes(self) -> int: ...


class Transformer(Protocol):
    """What runs the layers: `streaming/engine/gpt/torch_transformer.py` or `streaming/engine/gpt/int8_transformer.py`."""

    def forward(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int]) -> Tensor:
        """hidden (rows, width), rows of one slot one after the other; the latents (rows, width), float32."""

    def logits(self, latents: Tensor) -> Tensor:
        """(rows, width) to (rows, audio tokens), float32."""

    def save_prefix(self, slot: int, length: int) -> Prefix:
        """The first positions of a slot."""

    def load_prefix(self, slot: int, prefix: Any) -> None:
        """Begin a slot with what `save_prefix` gave."""

    def clear(self, slot: int) -> None:
        """Forget a slot's keys and values. Those of positions that are masked still count if they are not numbers."""

    def warm_up(self) -> None:
        """Make ready whatever takes long the first time."""

    def stop(self) -> None:
        """Release threads and memory."""


def positions_needed(weights: GptWeights) -> int:
    """The most positions that a sequence can have."""
    return CONDITIONING_LENGTH + weights.text_positions.shape[0] + weights.audio_positions.shape[0]


class Gpt:
    """At most `transformer`'s slots sequences at once. For one thread."""

    def __init__(
        self,
        weights: GptWeights,
        transformer: Transformer,
        device: torch.device,
        *,
        voice_cache_bytes: int = VOICE_CACHE_BYTES,
    ) -> None:
        """`voice_cache_bytes`: for the prefixes of the voices that spoke last; the newest is kept whatever its size."""
        self._weights = weights
        self._transformer = transformer
        self._device = device
        self._text_embedding = weights.text_embedding.to(device)
        self._text_positions = weights.text_positions.to(device)
        self._audio_embedding = weights.audio_embedding.to(device)
        self._audio_positions = weights.audio_positions.to(device)
        # Voice key -> its part of the cache, the most recently used last: 4 MB each at full size, 8 MB in float32.
        self._prefixes: OrderedDict[str, Prefix] = OrderedDict()
        self._room = voice_cache_bytes
        # Slot -> position of its start of audio.
        self._audio_starts: dict[int, int] = {}

    def prefill(self, slot: int, tokens: Sequence[int], conditioning: Tensor, voice_key: str) -> tuple[Tensor, Tensor]:
        """Begin a sequence: `tokens` of the text without start and stop, `conditioning` (positions, width) of the voice that
        `voice_key` stands for. Returns its first latent (1, width) and scores (1, audio tokens)."""
        length = len(conditioning)
        self._begin_with_voice(slot, conditioning, voice_key)
        hidden = self._text(tokens)
        positions = range(length, length + len(hidden))
        self._audio_starts[slot] = positions[-1]
        latents = self._transformer.forward(hidden, [slot] * len(hidden), positions)[-1:]
        return latents, self._transformer.logits(latents)

    def step(self, slots: Sequence[int], tokens: Tensor, steps: Sequence[int]) -> tuple[Tensor, Tensor]:
        """One step of each sequence. `tokens` (rows,): what was sampled last; `steps`: how many have been, at least 1.
        Returns latents (rows, width) and scores (rows, audio tokens)."""
        index = sent(torch.tensor(steps), self._device)
        hidden = self._audio_embedding[tokens] + self._audio_positions[index]
        positions = [self._audio_starts[slot] + step for slot, step in zip(slots, steps, strict=True)]
        latents = self._transformer.forward(hidden, slots, positions)
        return latents, self._transformer.logits(latents)

    def _text(self, tokens: Sequence[int]) -> Tensor:
        """The text's part of a sequence and the start of audio: (tokens + 3, width)."""
        weights = self._weights
        ids = sent(torch.tensor([weights.start_text, *tokens, weights.stop_text]), self._device)
        text = self._text_embedding[ids] + self._text_positions[: len(ids)]
        start = self._audio_embedding[weights.start_audio] + self._audio_positions[0]
        return torch.cat([text, start[None]])

    def _begin_with_voice(self, slot: int, conditioning: Tensor, voice_key: str) -> None:
        prefix = self._prefixes.pop(voice_key, None)
        if prefix is None:
            length = len(conditioning)
            self._transformer.forward(sent(conditioning, self._device), [slot] * length, range(length))
            prefix = self._transformer.save_prefix(slot, length)
            self._room -= prefix.nbytes
        else:
            self._transformer.load_prefix(slot, prefix)
        self._prefixes[voice_key] = prefix
        while self._room < 0 and len(self._prefixes) > 1:
            _, forgotten = self._prefixes.popitem(last=False)
            self._room += forgotten.nbytes

    def clear(self, slot: int) -> None:
        """After a sequence whose numbers have overflowed, so that the slot's next one does not inherit them."""
        self._transformer.clear(slot)

    def warm_up(self) -> None:
        self._transformer.warm_up()

    def stop(self) -> None:
        self._transformer.stop()
