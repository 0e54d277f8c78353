"""A GPT with a sampler, without an engine around them: sequences that come and go in one batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from streaming.engine.checkpoint.tensors import Speakers, SpeechWeights
from streaming.engine.conditioning import Conditioning
from streaming.engine.gpt.cuda_graphs import Capture
from streaming.engine.gpt.gpt import VOICE_CACHE_BYTES, Gpt, Transformer, positions_needed
from streaming.engine.gpt.int8_transformer import Int8Transformer
from streaming.engine.gpt.sampling import Sampler, SamplingSettings
from streaming.engine.gpt.torch_transformer import TorchTransformer
from streaming.engine.gpt.weights import GptWeights
from streaming.engine.kernels.crew import Crew
from tests.process.engine.recorded import Recorder

CPU = torch.device("cpu")
SLOTS = 5
MIRA, TOMAS = "Mira Holm", "Tomas Vale"
HELLO, HI = "Hello there, how are you today?", "Hi."
LONGER = "The train to the coast leaves at seven in the morning, and nobody has seen the tickets."

Make = Callable[..., Transformer]
Encode = Callable[[str], list[int]]


@dataclass
class Line:
    """One sequence of a batch, and what became of it."""

    slot: int
    text: list[int]
    voice: str
    seed: int = 0
    begins_at: int = 0
    most: int = 16
    tokens: list[int] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    def keep(self, token: Tensor, latent: Tensor, logits: Tensor) -> None:
        self.tokens.append(int(token))
        self.latents.append(latent)
        self.logits.append(logits)


class Stage:
    """A GPT with a sampler on the tiny checkpoint."""

    def __init__(
        self, weights: SpeechWeights, transformer: Transformer, settings: SamplingSettings, voice_cache_bytes: int
    ) -> None:
        self.weights = weights.gpt
        self.voices = voices(weights.speakers)
        self.gpt = Gpt(self.weights, transformer, CPU, voice_cache_bytes=voice_cache_bytes)
        vocabulary = len(self.weights.audio_head.bias)
        self.sampler = Sampler(settings, slots=SLOTS, vocabulary=vocabulary, device=CPU)

    @torch.inference_mode()
    def run(self, *lines: Line) -> None:
        """All of them at once, each from its `begins_at` on."""
        turn = 0
        while pending := [line for line in lines if not self._is_over(line)]:
            for line in pending:
                if line.begins_at == turn:
                    self._begin(line)
            if rows := [line for line in pending if line.begins_at < turn]:
                slots = [line.slot for line in rows]
                tokens = torch.tensor([line.tokens[-1] for line in rows])
                self._sample(rows, *self.gpt.step(slots, tokens, [len(line.tokens) for line in rows]))
            turn += 1

    def _is_over(self, line: Line) -> bool:
        return len(line.tokens) >= line.most or line.tokens[-1:] == [self.weights.stop_audio]

    def _begin(self, line: Line) -> None:
        self.sampler.seed(line.slot, line.seed)
        self.sampler.begin(line.slot, [1, self.weights.start_audio])
        self._sample([line], *self.gpt.prefill(line.slot, line.text, self.voices[line.voice].gpt, line.voice))

    def _sample(self, rows: Sequence[Line], latents: Tensor, logits: Tensor) -> None:
        tokens = self.sampler.sample_slots(logits, [line.slot for line in rows])
        for row, line in enumerate(rows):
            line.keep(tokens[row], latents[row], logits[row])


def voices(speakers: Speakers) -> dict[str, Conditioning]:
    return {name: Conditioning.from_tensors(*tensors) for name, tensors in speakers.items()}


def fp32(
    weights: GptWeights, *, dtype: torch.dtype = torch.float32, capture: Capture | None = None
) -> TorchTransformer:
    return TorchTransformer(
        weights, slots=SLOTS, positions=positions_needed(weights), device=CPU, dtype=dtype, capture=capture
    )


def fixed(weights: GptWeights) -> TorchTransformer:
    """With steps of fixed shape, as on a GPU, from a capture that is replayed."""
    return fp32(weights, capture=Recorder())


def int8(weights: GptWeights, *, threads: int = 2) -> Transformer:
    return Int8Transformer(weights, slots=SLOTS, positions=positions_needed(weights), crew=Crew(threads))


def fresh(line: Line) -> Line:
    """The same line, not yet spoken, alone from the start."""
    return replace(line, begins_at=0, tokens=[], latents=[], logits=[])


def a_crowd(encode: Encode) -> list[Line]:
    """Different voices, texts, seeds and lengths, some of which join when others are gone."""
    return [
        Line(2, encode(HELLO), TOMAS, seed=1, most=24),
        Line(0, encode(HI), MIRA, seed=5, begins_at=3, most=6),
        Line(4, encode(LONGER), TOMAS, seed=7, begins_at=5, most=12),
        Line(1, encode(HELLO), MIRA, seed=1, begins_at=5, most=20),
        Line(3, encode(HI), TOMAS, seed=0, begins_at=16, most=8),
    ]


@contextmanager
def one_thread() -> Iterator[None]:
    """For layers as small as these, handing work to PyTorch's threads takes longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stages(weights: SpeechWeights) -> Callable[..., Stage]:
    """Makes stages: `stage(transformer, settings, voice_cache_bytes, **options of the transformer)`."""

    def make(
        kind: Make,
        settings: SamplingSettings | None = None,
        voice_cache_bytes: int = VOICE_CACHE_BYTES,
        **options: Any,
    ) -> Stage:
        transformer = kind(weights.gpt, **options)
        return Stage(weights, transformer, settings or SamplingSettings(), voice_cache_bytes)

    return make
