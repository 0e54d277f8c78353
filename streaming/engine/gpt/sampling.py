"""From scores to tokens, for all rows at once: Hugging Face's processors in Hugging Face's order, with a generator per row.

Repetition penalty, temperature, top-k, top-p, then one draw. The draw divides the probabilities by exponential noise and
takes the largest, as `torch.multinomial` does, with noise for every token of the vocabulary: equal seeds, equal tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from streaming.engine.devices import sent

NO_TOKEN = -1


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """XTTS's defaults. `top_k` 0 and `top_p` 1 leave everything in."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0


class Sampler:
    """One state per slot: which tokens have been there, and a random generator."""

    def __init__(self, settings: SamplingSettings, *, slots: int, vocabulary: int, device: torch.device) -> None:
        self._settings = settings
        self._device = device
        self._top_k = min(settings.top_k or vocabulary, vocabulary)
        self._seen = torch.zeros(slots, vocabulary, dtype=torch.bool, device=device)
        # On the device already: as Python's own, it would be sent there for every step, and waited for.
        self._true = torch.ones((), dtype=torch.bool, device=device)
        self._generators = [torch.Generator(device) for _ in range(slots)]

    def seed(self, slot: int, seed: int) -> None:
        """Give the slot a generator in its first state."""
        self._generators[slot].manual_seed(seed)

    def begin(self, slot: int, present: Sequence[int]) -> None:
        """A new sequence, in which the tokens `present` count as having been there."""
        self._seen[slot] = False
        if present:
            self._seen[slot, sent(torch.tensor(present), self._device)] = self._true

    def sample(self, logits: Tensor, slots: Sequence[int]) -> Tensor:
        """logits (rows, vocabulary) float32, row r of slot slots[r]; returns tokens (rows,), NO_TOKEN for a row with NaN or
        infinity in it."""
        index = sent(torch.tensor(slots), self._device)
        scores, candidates = self._penalised(logits, index).topk(self._top_k, dim=1)
        # Ascending, so that sums are the same as over the whole vocabulary.
        scores, candidates = self._within_top_p(scores.flip(1)), candidates.flip(1)
        noise = torch.empty_like(logits)
        for row, slot in enumerate(slots):
            noise[row].exponential_(1.0, generator=self._generators[slot])
        choice = (torch.softmax(scores, dim=1) / noise.gather(1, candidates)).argmax(1, keepdim=True)
        tokens = candidates.gather(1, choice).squeeze(1)
        self._seen[index, tokens] = self._true
        # The largest is NaN where any is. Minus infinity forbids a token, and is no harm.
        return torch.where(logits.amax(1) < torch.inf, tokens, NO_TOKEN)

    def _penalised(self, logits: Tensor, index: Tensor) -> Tensor:
        penalty = self._settings.repetition_penalty
        penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
        return torch.where(self._seen[index], penalised, logits) / self._settings.temperature

    def _within_top_p(self, scores: Tensor) -> Tensor:
        """Scores in ascending order; those beyond top-p become -inf, the best never."""
        if self._settings.top_p >= 1:
            return scores
        is_beyond = torch.softmax(scores, dim=1).cumsum(1) <= 1 - self._settings.top_p
        is_beyond[:, -1].fill_(False)
        return scores.masked_fill(is_beyond, -torch.inf)
