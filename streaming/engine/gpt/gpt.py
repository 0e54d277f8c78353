"""XTTS's GPT on slots: text and voice in, latents and token scores out, one step at a time.

A sequence is [32 positions of the voice | start, text, stop | start of audio, audio tokens ...]. Its first part depends on
the voice alone, so its keys and values are computed once per voice and copied from then on.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from streaming.engine.conditioning import CONDITIONING_LENGTH
from streaming.engine.devices import sent
from streaming.engine.gpt.prefill import ROWS_BESIDE_A_STEP, Prefill, Rows, joined, rows_beside_a_step, shares
from streaming.engine.gpt.weights import GptWeights

# Room for 130 voices at full size, in half precision or int8.
VOICE_CACHE_BYTES = 512 * 2**20
# A busy machine is slower for a moment, but not faster.
_TRIES = 3


class Prefix(Protocol):
    """Keys and values of a sequence's first positions."""

    @property
    def nbytes(self) -> int: ...


class Transformer(Protocol):
    """What runs the layers: `streaming/engine/gpt/torch_transformer.py` or `streaming/engine/gpt/int8_transformer.py`."""

    def forward(
        self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int], wanted: Sequence[int] | None = None
    ) -> Tensor:
        """hidden (rows, width), rows of one slot one after the other; the latents (rows, width), float32, of the rows that
        are `wanted`, in ascending order, or of all."""

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
        # How many rows of prefills go with a step so that it takes at most twice as long: see `warm_up`. None on a GPU,
        # which is through with whole prefills in that time.
        self.rows_beside_a_step = ROWS_BESIDE_A_STEP if device.type == "cpu" else None
        # Slot -> position of its start of audio.
        self._audio_starts: dict[int, int] = {}

    def begin(
        self, slot: int, tokens: Sequence[int], conditioning: Tensor, voice_key: str, *, is_open: bool = False
    ) -> Prefill:
        """Begin a sequence: `tokens` of the text without start and stop, `conditioning` (positions, width) of the voice that
        `voice_key` stands for. `is_open`: the text may go on. Computes nothing yet: that is for `advance`."""
        length = len(conditioning)
        ids, hidden = self._text(tokens, is_open=is_open)
        self._audio_starts[slot] = length + len(hidden) - 1
        if prefix := self._prefixes.get(voice_key):
            self._prefixes.move_to_end(voice_key)
            self._transformer.load_prefix(slot, prefix)
            return Prefill(slot, voice_key, length, length, hidden, keeps_voice=False, ids=ids, is_open=is_open)
        hidden = torch.cat([sent(conditioning, self._device), hidden])
        return Prefill(slot, voice_key, length, 0, hidden, keeps_voice=True, ids=ids, is_open=is_open)

    def revise(self, prefill: Prefill, tokens: Sequence[int], *, is_open: bool = False) -> None:
        """Another text for an open sequence: what it has in common with the one before is not computed again."""
        ids, hidden = self._text(tokens, is_open=is_open)
        prefill.revise(ids, hidden, is_open=is_open)
        self._audio_starts[prefill.slot] = prefill.voice_length + len(hidden) - 1

    def advance(
        self, prefills: Sequence[Prefill], rows_at_most: int | None = None
    ) -> tuple[list[Prefill], Tensor, Tensor]:
        """Compute so many rows of prefills, those of the first ones first; by default all. Returns the prefills that are
        complete now, and of each the first latent (1, width) and scores (1, audio tokens) of its audio."""
        return self._run(Rows(), prefills, rows_at_most)

    def step_and_advance(
        self,
        slots: Sequence[int],
        tokens: Tensor,
        steps: Sequence[int],
        prefills: Sequence[Prefill],
        rows_at_most: int | None = None,
    ) -> tuple[list[Prefill], Tensor, Tensor]:
        """`step` and `advance` in one call, for a CPU: it reads all weights from memory for a step, whose rows leave its
        arithmetic units idle. The latents and scores are those of the steps, then those of the complete prefills."""
        rows = Rows()
        rows.add(*self._audio(slots, tokens, steps), wanted=len(slots))
        return self._run(rows, prefills, rows_at_most)

    def prefill(self, slot: int, tokens: Sequence[int], conditioning: Tensor, voice_key: str) -> tuple[Tensor, Tensor]:
        """`begin`, and all rows at once. Returns the first latent (1, width) and scores (1, audio tokens)."""
        _, latents, scores = self.advance([self.begin(slot, tokens, conditioning, voice_key)])
        return latents, scores

    def step(self, slots: Sequence[int], tokens: Tensor, steps: Sequence[int]) -> tuple[Tensor, Tensor]:
        """One step of each sequence. `tokens` (rows,): what was sampled last; `steps`: how many have been, at least 1.
        Returns latents (rows, width) and scores (rows, audio tokens)."""
        latents = self._transformer.forward(*self._audio(slots, tokens, steps))
        return latents, self._transformer.logits(latents)

    def _audio(
        self, slots: Sequence[int], tokens: Tensor, steps: Sequence[int]
    ) -> tuple[Tensor, Sequence[int], list[int]]:
        """The rows of a step: hidden (rows, width), slots and positions."""
        index = sent(torch.tensor(steps), self._device)
        hidden = self._audio_embedding[tokens] + self._audio_positions[index]
        return hidden, slots, [self._audio_starts[slot] + step for slot, step in zip(slots, steps, strict=True)]

    def _run(
        self, rows: Rows, prefills: Sequence[Prefill], rows_at_most: int | None
    ) -> tuple[list[Prefill], Tensor, Tensor]:
        for prefill in prefills:
            # Another one that began at the same time may have read it by now.
            if prefill.has_not_begun and (prefix := self._prefixes.get(prefill.voice_key)):
                self._transformer.load_prefix(prefill.slot, prefix)
                prefill.skip_voice()
        parts = shares(prefills, rows_at_most)
        for prefill, count in parts:
            hidden, positions = prefill.take(count)
            rows.add(hidden, [prefill.slot] * count, positions, wanted=0 if prefill.rows_left or prefill.is_open else 1)
        latents = self._transformer.forward(joined(rows.hidden), rows.slots, rows.positions, rows.wanted)
        for prefill, _ in parts:
            if prefill.has_new_voice():
                self._keep_voice(prefill)
        scores = self._transformer.logits(latents) if rows.wanted else latents
        complete = [prefill for prefill, _ in parts if not prefill.rows_left and not prefill.is_open]
        return complete, latents, scores

    def _text(self, tokens: Sequence[int], *, is_open: bool) -> tuple[list[int], Tensor]:
        """The text's part of a sequence, as ids and as rows (ids, width). Unless it may go on, its end is an id as well, and
        the start of audio one more row."""
        weights = self._weights
        ids = [weights.start_text, *tokens] if is_open else [weights.start_text, *tokens, weights.stop_text]
        text = self._text_embedding[sent(torch.tensor(ids), self._device)] + self._text_positions[: len(ids)]
        if is_open:
            return ids, text
        start = self._audio_embedding[weights.start_audio] + self._audio_positions[0]
        return ids, torch.cat([text, start[None]])

    def _keep_voice(self, prefill: Prefill) -> None:
        if forgotten := self._prefixes.pop(prefill.voice_key, None):  # two sequences have begun with it at once
            self._room += forgotten.nbytes
        prefix = self._transformer.save_prefix(prefill.slot, prefill.voice_length)
        self._room -= prefix.nbytes
        self._prefixes[prefill.voice_key] = prefix
        while self._room < 0 and len(self._prefixes) > 1:
            _, forgotten = self._prefixes.popitem(last=False)
            self._room += forgotten.nbytes

    def clear(self, slot: int) -> None:
        """After a sequence whose numbers have overflowed, so that no other inherits them: neither the slot's next one nor,
        since a voice is read in one call with a text, one with a voice that is kept."""
        self._transformer.clear(slot)
        self._room += sum(prefix.nbytes for prefix in self._prefixes.values())
        self._prefixes.clear()

    def warm_up(self) -> None:
        self._transformer.warm_up()
        if self._device.type == "cpu":
            self.rows_beside_a_step = rows_beside_a_step(self._seconds)
            self._transformer.clear(0)

    def _seconds(self, rows: int) -> float:
        """What a call with so many rows takes, in slot 0."""
        hidden = torch.full((rows, self._weights.width), 0.1)
        times = []
        for _ in range(_TRIES):
            begun = time.perf_counter()
            self._transformer.forward(hidden, [0] * rows, range(rows))
            times.append(time.perf_counter() - begun)
        return min(times)

    def stop(self) -> None:
        self._transformer.stop()
