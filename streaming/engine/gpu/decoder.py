"""The sequences of a GPU: texts are read and tokens are drawn in recorded calls that wait for nothing.

What a sequence is at (its last token, its step, what it has said) stays on the device. The host names the rows of the next
call and reads the tokens of a call when the next one is on its way.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.conditioning import CONDITIONING_LENGTH, Conditioning
from streaming.engine.gpt.cuda_graphs import Capture
from streaming.engine.gpt.key_value_cache import TensorPrefix
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.weights import GptWeights, LinearWeights
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.layers import COLUMNS, Layers
from streaming.engine.gpu.transfer import Array, Fetched, send
from streaming.engine.gpu.transformer_kernels import embed, product

# Rows of one call at most, where there are no more slots: an H100 is through with them in 6 ms.
MOST_ROWS = 512
# Stands for a slot's next audio token in place of a position.
_NEXT = -1
# What `state` holds of each slot.
_START, _STEP, _TOKEN = range(3)


@dataclass(slots=True, eq=False)
class Reading:
    """A sequence whose text has not been read to its end."""

    slot: int
    voice_key: str
    # Slot, position, entry and place of the rows that are left; the last one is the start of audio.
    rows: Array
    keeps_voice: bool

    def take(self, most: int) -> Array:
        taken, self.rows = self.rows[:most], self.rows[most:]
        return taken


class Round:
    """A call that is on its way. Its tokens are those of `steps`' slots, then of those whose reading is complete."""

    def __init__(self, slots: Sequence[int], tokens: Fetched) -> None:
        self.slots = slots
        self._tokens = tokens

    def read(self) -> list[int]:
        """Waits for the call if need be."""
        tokens: list[int] = self._tokens.read()[: len(self.slots)].tolist()
        return tokens


class Decoder:
    """At most `slots` sequences at once. For one thread."""

    def __init__(
        self,
        weights: GptWeights,
        layers: Layers,
        sampler: Sampler,
        store: LatentStore,
        device: torch.device,
        capture: Capture,
        *,
        slots: int,
        voice_cache_bytes: int,
    ) -> None:
        self._weights, self._layers, self._sampler, self._store = weights, layers, sampler, store
        self._device, self._capture, self._slots = device, capture, slots
        # All sequences have to fit into a step.
        self._most_rows = max(MOST_ROWS, slots)
        self._room = voice_cache_bytes
        self._prefixes: OrderedDict[str, TensorPrefix] = OrderedDict()
        self._readings: list[Reading] = []
        _, last = weights.final_norms
        self._last_norm = last.to(device, torch.float32)
        self._head = _padded_head(weights.audio_head, device)
        # Texts' tokens, audio tokens, and the voices of sequences that nobody has read before.
        voices = torch.zeros((slots + 1) * CONDITIONING_LENGTH, weights.width)
        self._first_audio = len(weights.text_embedding)
        self._first_voice = self._first_audio + len(weights.audio_embedding)
        self._entries = torch.cat([weights.text_embedding, weights.audio_embedding, voices]).to(device)
        nowhere = torch.zeros(1, weights.width)
        self._first_audio_place = len(weights.text_positions)
        self._nowhere = self._first_audio_place + len(weights.audio_positions)
        self._places = torch.cat([weights.text_positions, weights.audio_positions, nowhere]).to(device)
        self._state = torch.zeros(slots + 1, 4, device=device, dtype=torch.int32)
        self._rows = torch.zeros(self._most_rows, 4, device=device, dtype=torch.int32)
        self._wanted = torch.zeros(self._most_rows, 2, device=device, dtype=torch.int64)
        self._calls: dict[int, tuple[Tensor, Callable[[], object]]] = {}

    @property
    def settings(self) -> SamplingSettings:
        """Of sequences that begin without their own."""
        return self._sampler.settings

    @property
    def is_reading(self) -> bool:
        return bool(self._readings)

    def begin(
        self,
        slot: int,
        tokens: Sequence[int],
        conditioning: Conditioning,
        voice_key: str,
        present: Sequence[int],
        settings: SamplingSettings | None = None,
    ) -> None:
        """A new sequence: `tokens` of its text without start and stop. The tokens `present` count as having been said."""
        prefix = self._prefixes.get(voice_key)
        rows = self._text_rows(slot, tokens)
        if prefix:
            self._prefixes.move_to_end(voice_key)
            self._layers.load_prefix(slot, prefix)
        else:
            first = self._first_voice + slot * CONDITIONING_LENGTH
            send(conditioning.gpt.numpy(), self._entries[first : first + CONDITIONING_LENGTH])
            rows = np.concatenate([self._voice_rows(slot, first), rows])
        start = int(rows[-1, 1])
        send(np.array([[start, 0, 0, 0]], np.int32), self._state[slot : slot + 1])
        self._store.begin(slot)
        self._sampler.begin(slot, present, settings)
        self._readings.append(Reading(slot, voice_key, rows, keeps_voice=prefix is None))

    def seed(self, slot: int, seed: int) -> None:
        self._sampler.seed(slot, seed)

    def forget(self, slot: int) -> None:
        """A sequence that has ended before its text was read."""
        self._readings = [reading for reading in self._readings if reading.slot != slot]

    def step(self, slots: Sequence[int]) -> Round:
        """The next token of each of `slots`, and as much of the texts as there is room for beside them."""
        rows = [np.array([[slot, _NEXT, 0, 0] for slot in slots], np.int32).reshape(-1, 4)]
        wanted = [(row, slot) for row, slot in enumerate(slots)]
        count = len(slots)
        parts: list[Reading] = []
        for reading in self._readings:
            if count == self._most_rows:
                break
            taken = reading.take(self._most_rows - count)
            rows.append(taken)
            count += len(taken)
            parts.append(reading)
            if not len(reading.rows):
                wanted.append((count - 1, reading.slot))
        self._readings = [reading for reading in self._readings if len(reading.rows)]
        tokens = self._run(np.concatenate(rows), np.array(wanted, np.int64).reshape(-1, 2))
        for reading in parts:
            self._keep_voice(reading)
        return Round([slot for _, slot in wanted], Fetched(tokens))

    def warm_up(self) -> None:
        """Record every call that can come."""
        for size in reversed(_sizes(self._most_rows)):
            self._call(size)

    def stop(self) -> None:
        self._calls.clear()

    def _text_rows(self, slot: int, tokens: Sequence[int]) -> Array:
        weights = self._weights
        entries = [weights.start_text, *tokens, weights.stop_text, self._first_audio + weights.start_audio]
        rows = np.empty((len(entries), 4), np.int32)
        rows[:, 0] = slot
        rows[:, 1] = np.arange(CONDITIONING_LENGTH, CONDITIONING_LENGTH + len(entries))
        rows[:, 2] = entries
        rows[:, 3] = np.arange(len(entries))
        rows[-1, 3] = self._first_audio_place
        return rows

    def _voice_rows(self, slot: int, first: int) -> Array:
        rows = np.full((CONDITIONING_LENGTH, 4), self._nowhere, np.int32)
        rows[:, 0] = slot
        rows[:, 1] = np.arange(CONDITIONING_LENGTH)
        rows[:, 2] = first + np.arange(CONDITIONING_LENGTH)
        return rows

    def _keep_voice(self, reading: Reading) -> None:
        """Its first positions, once they are there."""
        if not reading.keeps_voice or (len(reading.rows) and reading.rows[0, 1] < CONDITIONING_LENGTH):
            return
        reading.keeps_voice = False
        if reading.voice_key in self._prefixes:
            return
        prefix = self._prefixes[reading.voice_key] = self._layers.save_prefix(reading.slot, CONDITIONING_LENGTH)
        self._room -= prefix.nbytes
        while self._room < 0 and len(self._prefixes) > 1:
            _, forgotten = self._prefixes.popitem(last=False)
            self._room += forgotten.nbytes

    def _run(self, rows: Array, wanted: Array) -> Tensor:
        """rows (n, 4) as `embed` takes them, wanted (m, 2): the numbers of the rows from which a token is drawn, and their
        slots. Returns the tokens (m or more,)."""
        size = next(size for size in _sizes(self._most_rows) if size >= len(rows))
        tokens, repeat = self._call(size)
        self._name(size, rows, wanted)
        repeat()
        return tokens

    def _name(self, size: int, rows: Array, wanted: Array) -> None:
        """The rows of the next call; the others of its `size` rows are the spare slot's."""
        filled = np.zeros((size, 4), np.int32)
        filled[:, 0] = self._slots
        filled[: len(rows)] = rows
        send(filled, self._rows[:size])
        drawn = np.zeros((self._draws(size), 2), np.int64)
        drawn[:, 1] = self._slots
        drawn[: len(wanted)] = wanted
        send(drawn, self._wanted[: len(drawn)])

    def _draws(self, size: int) -> int:
        """The tokens that a call of so many rows can draw."""
        return min(size, self._slots)

    def _call(self, size: int) -> tuple[Tensor, Callable[[], object]]:
        if size not in self._calls:
            # It is run to be recorded: with rows that are nobody's.
            self._name(size, np.zeros((0, 4), np.int32), np.zeros((0, 2), np.int64))
            self._calls[size] = self._capture(lambda: self._work(self._rows[:size], self._wanted[: self._draws(size)]))
        return self._calls[size]

    def _work(self, rows: Tensor, wanted: Tensor) -> Tensor:
        count, width = len(rows), self._weights.width
        signal = torch.empty(count, width, device=self._device)
        slots, positions = (torch.empty(count, device=self._device, dtype=torch.int32) for _ in range(2))
        embed(
            rows, self._state, self._entries, self._places, signal, slots, positions,
            first_audio=self._first_audio, first_audio_place=self._first_audio_place,
        )  # fmt: skip
        normal = self._layers.forward(signal, slots, positions)
        drawn, its_slots = wanted.unbind(1)
        latents = functional.layer_norm(normal[drawn], (width,), self._last_norm.weight, self._last_norm.bias)
        steps = self._state[its_slots, _STEP]
        self._store.put(latents, its_slots, steps)
        tokens = self._draw(latents, its_slots)
        following = torch.stack([self._state[its_slots, _START], steps + 1, tokens.clamp(min=0).int(), steps], 1)
        self._state[its_slots] = following
        # A slot that stands for none does not count its steps.
        self._state[self._slots] = 0
        return tokens

    def _draw(self, latents: Tensor, slots: Tensor) -> Tensor:
        out = torch.empty(1, len(latents), len(self._head.bias), device=self._device)
        scores = product(latents, self._head.weight, self._head.bias, out)[0]
        return self._sampler.sample(scores[:, : len(self._weights.audio_head.bias)], slots)


def _padded_head(head: LinearWeights, device: torch.device) -> LinearWeights:
    missing = -len(head.bias) % COLUMNS
    weight, bias = functional.pad(head.weight, (0, 0, 0, missing)), functional.pad(head.bias, (0, missing))
    return LinearWeights(weight.to(device).contiguous(), bias.to(device))


def _sizes(most: int) -> list[int]:
    """1, 2, 4 ... `most`: the numbers of rows that calls have."""
    sizes = [1]
    while sizes[-1] < most:
        sizes.append(min(sizes[-1] * 2, most))
    return sizes
