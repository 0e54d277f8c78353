"""From scores to tokens, for all rows at once: Hugging Face's processors in Hugging Face's order, with settings per row.

Repetition penalty, temperature, top-k, top-p, then one draw: the probabilities are divided by exponential noise, all in
logarithms, and the largest wins, as with `torch.multinomial`. Settings, noise and what has been said are on the device, and
nothing here depends on their values: so rows of all settings go together, and `sample` can be captured. What a row draws
depends on no other row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from streaming.engine.contract import SpeechRequest
from streaming.engine.devices import sent
from streaming.engine.gpt.counter_noise import advanced, first_counter, log_exponential, token_steps

NO_TOKEN = -1
# Weights of tokens are added up as whole numbers, whose sum is the same in any order and with any number of zeros beside
# them. The largest weight is so many:
_ONE = 2.0**40


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """XTTS's defaults. `top_k` 0 and `top_p` 1 leave everything in. Raises ValueError for values that mean nothing."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0

    def __post_init__(self) -> None:
        for name in ("temperature", "top_p", "repetition_penalty"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}.")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 or more, not {self.top_k}.")

    def with_those_of(self, request: SpeechRequest) -> Self:
        """What a request asks for, and these where it leaves the choice."""
        asked = {field.name: getattr(request, field.name) for field in fields(self)}
        return replace(self, **{name: value for name, value in asked.items() if value is not None})


class Sampler:
    """One state per slot: its settings, which tokens have been there, and the counter of its noise.

    One slot more than `slots` is there, for rows that are not in use: `spare_slot`.
    """

    def __init__(self, settings: SamplingSettings, *, slots: int, vocabulary: int, device: torch.device) -> None:
        """`settings`: of sequences that begin without their own."""
        self.spare_slot = slots
        self.settings = settings
        self._vocabulary = vocabulary
        self._device = device
        self._seen = torch.zeros(slots + 1, vocabulary, dtype=torch.bool, device=device)
        # How many tokens top-k leaves in, and the counter of the next draw.
        self._counts = torch.zeros(slots + 1, 2, dtype=torch.int64, device=device)
        self._counts[:, 0] = self._width(settings)
        self._widths = [self._width(settings)] * slots
        self._scales = _scales(settings).repeat(slots + 1, 1).to(device)
        self._ranks = torch.arange(vocabulary, device=device)
        self._token_steps = token_steps(vocabulary, device)
        # On the device already: as Python's own, they would be sent there for every step, and waited for.
        self._true = torch.ones((), dtype=torch.bool, device=device)
        self._no_token = torch.full((), NO_TOKEN, device=device)

    def seed(self, slot: int, seed: int) -> None:
        """The slot's draws are the first ones of this seed from now on."""
        self._counts[slot, 1].fill_(first_counter(seed))

    def begin(self, slot: int, present: Sequence[int], settings: SamplingSettings | None = None) -> None:
        """A new sequence, in which the tokens `present` count as having been there. Its draws follow those before."""
        settings = settings or self.settings
        self._seen[slot] = False
        if present:
            self._seen[slot, sent(torch.tensor(present), self._device)] = self._true
        self._scales[slot] = sent(_scales(settings), self._device)
        self._widths[slot] = self._width(settings)
        self._counts[slot, 0].fill_(self._widths[slot])

    def sample_slots(self, logits: Tensor, slots: Sequence[int]) -> Tensor:
        """As `sample`. A CPU sorts no more tokens than these slots need."""
        width = max(self._widths[slot] for slot in slots) if self._device.type == "cpu" else self._vocabulary
        return self.sample(logits, sent(torch.tensor(slots), self._device), width)

    def sample(self, logits: Tensor, slots: Tensor, width: int | None = None) -> Tensor:
        """logits (rows, vocabulary) float32, row r of slot slots[r] (rows,) int64, all on the device; returns tokens (rows,)
        int64, NO_TOKEN for a row with NaN or infinity in it. `width`: at least the rows' top-k; by default all tokens."""
        scales, counts = self._scales[slots], self._counts[slots]
        temperature, penalty, top_p = scales[:, :1], scales[:, 1:2], scales[:, 2:]
        top_k, counters = counts[:, :1], counts[:, 1:]
        scores = torch.where(self._seen[slots], _penalised(logits, penalty), logits) / temperature
        least = self._least(scores, top_k, top_p, width or self._vocabulary)
        race = scores - log_exponential(counters, self._token_steps)
        # Tokens that score the same as the last one that is left in are left in as well.
        tokens = race.masked_fill_(scores < least, -torch.inf).argmax(1)
        self._seen[slots, tokens] = self._true
        self._counts[slots, 1] = advanced(counters[:, 0])
        # The largest is NaN where any is. Minus infinity forbids a token, and is no harm.
        return torch.where(logits.amax(1) < torch.inf, tokens, self._no_token)

    def _width(self, settings: SamplingSettings) -> int:
        return min(settings.top_k or self._vocabulary, self._vocabulary)

    def _least(self, scores: Tensor, top_k: Tensor, top_p: Tensor, width: int) -> Tensor:
        """The least score (rows, 1) that top-k and top-p leave in."""
        ordered = _descending(scores, width)
        is_outside = self._ranks[:width] >= top_k
        masses = (torch.exp(ordered - ordered[:, :1]) * _ONE).long().masked_fill_(is_outside, 0)
        sums = masses.cumsum(1)
        # Those with top-p of the whole before them are not needed for it.
        is_outside |= sums - masses >= top_p * sums[:, -1:]
        return ordered.masked_fill_(is_outside, torch.inf).amin(1, keepdim=True)


def _scales(settings: SamplingSettings) -> Tensor:
    """Temperature, repetition penalty, and top-p; instead of 1 a number that no share of the whole comes near."""
    return torch.tensor(
        [settings.temperature, settings.repetition_penalty, settings.top_p if settings.top_p < 1 else 2.0]
    )


def _penalised(logits: Tensor, penalty: Tensor) -> Tensor:
    return torch.where(logits < 0, logits * penalty, logits / penalty)


def _descending(scores: Tensor, width: int) -> Tensor:
    """The best `width` scores of each row."""
    if width < scores.shape[1]:
        return scores.topk(width, dim=1).values
    return scores.sort(dim=1, descending=True).values
