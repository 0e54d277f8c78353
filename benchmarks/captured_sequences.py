"""Sequences on the decoder of a GPU: see `sequences.py`, which needs no Triton."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.sequences import Spoken
from streaming.engine.checkpoint.tensors import Speakers
from streaming.engine.conditioning import Conditioning
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.gpu.decoder import Decoder, Round
from streaming.engine.gpu.latent_store import LatentStore


class GivenTokens(Sampler):
    """Draws what it is given, where it is given something: to compare arithmetic, sequences have to say the same."""

    def __init__(self, *, slots: int, vocabulary: int, steps: int, device: torch.device) -> None:
        super().__init__(SamplingSettings(), slots=slots, vocabulary=vocabulary, device=device)
        self.given = torch.full((slots + 1, steps), -1, device=device)
        self._at = torch.zeros(slots + 1, device=device, dtype=torch.int64)

    def begin(self, slot: int, present: Sequence[int], settings: SamplingSettings | None = None) -> None:
        super().begin(slot, present, settings)
        self._at[slot] = 0

    def sample(self, logits: Tensor, slots: Tensor, width: int | None = None) -> Tensor:
        tokens = super().sample(logits, slots, width)
        at = self._at[slots]
        given = self.given[slots, at.clamp(max=self.given.shape[1] - 1)]
        self._at[slots] = at + 1
        return torch.where(given >= 0, given, tokens)


class CapturedBatch:
    """See `sequences.Batch`."""

    def __init__(
        self,
        weights: GptWeights,
        speakers: Speakers,
        decoder: Decoder,
        store: LatentStore,
        given: GivenTokens | None = None,
    ) -> None:
        self._decoder, self._store, self._given = decoder, store, given
        self._start = weights.start_audio
        self._voices = {name: Conditioning.from_tensors(*tensors) for name, tensors in speakers.items()}

    @torch.inference_mode()
    def begin(self, sequence: Spoken) -> None:
        self._send(sequence)
        self._keep([sequence], self._decoder.step([]))

    @torch.inference_mode()
    def step(self, sequences: Sequence[Spoken]) -> None:
        self._keep(sequences, self._decoder.step([sequence.slot for sequence in sequences]))

    @torch.inference_mode()
    def bare_step(self, sequences: Sequence[Spoken]) -> None:
        """A step of which nothing is kept, to be timed."""
        self._decoder.step([sequence.slot for sequence in sequences]).read()

    @torch.inference_mode()
    def speak(self, sequences: Sequence[Spoken], steps: int) -> None:
        """Their texts are read beside each other, as far as they fit into one call."""
        for sequence in sequences:
            self._send(sequence)
        while any(not sequence.tokens for sequence in sequences):
            self._keep(sequences, self._decoder.step([]))
        for _ in range(steps - 1):
            self.step(sequences)

    def _send(self, sequence: Spoken) -> None:
        if self._given and sequence.forced:
            forced = torch.tensor(sequence.forced, device=self._given.given.device)
            self._given.given[sequence.slot, : len(forced)] = forced
        self._decoder.seed(sequence.slot, sequence.seed)
        self._decoder.begin(
            sequence.slot, sequence.text, self._voices[sequence.voice], sequence.voice, [1, self._start]
        )

    def _keep(self, sequences: Sequence[Spoken], round_: Round) -> None:
        of_slot = {sequence.slot: sequence for sequence in sequences}
        for slot, token in zip(round_.slots, round_.read(), strict=True):
            sequence = of_slot[slot]
            sequence.latents.append(self._store.latents[self._store.first(slot) + len(sequence.tokens)].clone())
            sequence.tokens.append(token)
