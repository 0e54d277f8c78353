"""Sequences on a GPT without an engine around it: begun, stepped together, and what came of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor

from streaming.engine.checkpoint.tensors import Speakers
from streaming.engine.conditioning import Conditioning
from streaming.engine.devices import sent
from streaming.engine.gpt.gpt import Gpt
from streaming.engine.gpt.sampling import Sampler
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.xtts_model import Model, SharedModel

if TYPE_CHECKING:
    from streaming.engine.gpu.model import CapturedModel

# Any text tokens will do.
TEXT = (7, 20, 33, 46, 59, 72) * 10


@dataclass(slots=True)
class Spoken:
    """One sequence. `tokens`: sampled, or `forced` where these are given; a latent (width,) for each of them."""

    slot: int
    voice: str
    seed: int = 0
    text: Sequence[int] = TEXT
    forced: Sequence[int] | None = None
    tokens: list[int] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)

    @property
    def all_latents(self) -> Tensor:
        """(steps, width), float32, on the CPU."""
        return torch.stack(self.latents).float().cpu()


class Batch(Protocol):
    """Sequences that take their steps together."""

    def begin(self, sequence: Spoken) -> None:
        """Read its text, and draw its first token."""

    def step(self, sequences: Sequence[Spoken]) -> None:
        """The next token of each."""

    def bare_step(self, sequences: Sequence[Spoken]) -> None:
        """A step to be timed."""

    def speak(self, sequences: Sequence[Spoken], steps: int) -> None:
        """All of them from their beginning, each `steps` tokens long."""


def batch_on(model: SharedModel) -> Batch:
    """On a model that nobody else uses meanwhile."""
    if isinstance(model, Model):
        return SteppedBatch(model.weights, model.speakers, model.gpt, model.sampler, model.device)
    from benchmarks.captured_sequences import CapturedBatch

    captured = cast("CapturedModel", model)
    return CapturedBatch(captured.weights, captured.speakers, captured.decoder, captured.store)


class SteppedBatch:
    """See `Batch`: on `gpt` and `sampler`, which are on `device`."""

    def __init__(
        self, weights: GptWeights, speakers: Speakers, gpt: Gpt, sampler: Sampler, device: torch.device
    ) -> None:
        self._gpt, self._sampler, self._device = gpt, sampler, device
        self._start, self._stop = weights.start_audio, weights.stop_audio
        self._voices = {name: Conditioning.from_tensors(*tensors).gpt for name, tensors in speakers.items()}

    @torch.inference_mode()
    def begin(self, sequence: Spoken) -> None:
        self._sampler.seed(sequence.slot, sequence.seed)
        self._sampler.begin(sequence.slot, [1, self._start])
        prefilled = self._gpt.prefill(sequence.slot, sequence.text, self._voices[sequence.voice], sequence.voice)
        self._keep([sequence], *prefilled)

    @torch.inference_mode()
    def step(self, sequences: Sequence[Spoken]) -> None:
        tokens = torch.tensor([sequence.tokens[-1] for sequence in sequences])
        slots, steps = [each.slot for each in sequences], [len(each.tokens) for each in sequences]
        self._keep(sequences, *self._gpt.step(slots, sent(tokens, self._device), steps))

    def bare_step(self, sequences: Sequence[Spoken]) -> None:
        self.step(sequences)

    def speak(self, sequences: Sequence[Spoken], steps: int) -> None:
        for sequence in sequences:
            self.begin(sequence)
        for _ in range(steps - 1):
            self.step(sequences)

    def _keep(self, sequences: Sequence[Spoken], latents: Tensor, logits: Tensor) -> None:
        logits[:, self._stop] = -torch.inf
        sampled = self._sampler.sample_slots(logits, [sequence.slot for sequence in sequences]).tolist()
        for row, sequence in enumerate(sequences):
            sequence.latents.append(latents[row].clone())
            forced = sequence.forced
            sequence.tokens.append(forced[len(sequence.tokens)] if forced else sampled[row])
