"""The room's parts on a CPU, with PyTorch's operations for kernels and recorded calls for CUDA graphs."""

from collections.abc import Sequence

import torch

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES, positions_needed
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpu.decoder import Decoder, Round
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.layers import Layers
from tests.process.engine.recorded import Recorder
from tests.process.engine.stage import CPU, SLOTS, Line, voices


class CapturedStage:
    """A decoder with its sampler, and what `stage.Stage` does with a GPT, a round at a time: of each round the tokens are
    read when the next one is on its way, if `is_late`."""

    def __init__(
        self,
        weights: SpeechWeights,
        settings: SamplingSettings | None = None,
        voice_cache_bytes: int = VOICE_CACHE_BYTES,
        *,
        is_late: bool = False,
    ) -> None:
        gpt = weights.gpt
        self.weights, self.voices, self._is_late = gpt, voices(weights.speakers), is_late
        self.capture = Recorder()
        self.store = LatentStore(slots=SLOTS, steps=len(gpt.audio_positions) + 1, width=gpt.width, device=CPU)
        self.layers = Layers(gpt, slots=SLOTS, positions=positions_needed(gpt), device=CPU, dtype=torch.float32)
        sampler = Sampler(settings or SamplingSettings(), slots=SLOTS, vocabulary=len(gpt.audio_head.bias), device=CPU)
        self.decoder = Decoder(
            gpt, self.layers, sampler, self.store, CPU, self.capture, slots=SLOTS, voice_cache_bytes=voice_cache_bytes
        )

    @torch.inference_mode()
    def run(self, *lines: Line) -> None:
        """All of them at once, each from its `begins_at` on."""
        turn = 0
        before: Round | None = None
        sent: dict[int, int] = {}
        while pending := [line for line in lines if not self._is_over(line)]:
            for line in pending:
                if line.begins_at == turn:
                    self.begin(line)
                    sent[line.slot] = 0
            # One step at most is sent off whose sequence is over.
            slots = [line.slot for line in pending if 0 < sent.get(line.slot, 0) < line.most]
            current = self.decoder.step(slots)
            for slot in current.slots:
                sent[slot] += 1
            over, before = (before, current) if self._is_late else (current, None)
            if over:
                self.keep(over, [line for line in pending if line.begins_at <= turn])
            turn += 1

    def begin(self, line: Line) -> None:
        self.decoder.seed(line.slot, line.seed)
        present = [1, self.weights.start_audio]
        self.decoder.begin(line.slot, line.text, self.voices[line.voice], line.voice, present)

    def latents(self, line: Line, steps: int) -> torch.Tensor:
        """The first latents of the slot's sequence, which is `line`'s."""
        first = self.store.first(line.slot)
        return self.store.latents[first : first + steps].clone()

    def _is_over(self, line: Line) -> bool:
        return len(line.tokens) >= line.most or line.tokens[-1:] == [self.weights.stop_audio]

    def keep(self, round_: Round, lines: Sequence[Line]) -> None:
        of_slot = {line.slot: line for line in lines}
        for slot, token in zip(round_.slots, round_.read(), strict=True):
            if line := of_slot.get(slot):
                line.tokens.append(token)
                line.latents = list(self.latents(line, len(line.tokens)))
