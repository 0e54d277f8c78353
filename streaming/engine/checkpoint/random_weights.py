"""Random weights of XTTS's GPT and vocoder: the real graph without a trained model, for tests and to measure its cost.

They are scaled so that activations have the sizes of a trained model: every position of the context matters, logits have a
few clear favourites, and the vocoder gives noise of the loudness of speech. Nobody can listen to it.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.checkpoint.config import LANGUAGES, SpeechConfig
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.conditioning import CONDITIONING_LENGTH, SPEAKER_WIDTH
from streaming.engine.gpt.weights import read_gpt_weights
from streaming.engine.vocoder.weights import (
    BLOCKS_PER_STAGE,
    CHANNELS,
    DILATIONS,
    FACTORS,
    LAST_SLOPE,
    SLOPE,
    read_hifigan_weights,
)

Size = Literal["tiny", "small", "full"]
State = dict[str, Tensor]
# The stop token's head start over the others: a small model ends an utterance now and then, a full one never does by itself,
# so that what it costs to speak for a given time can be measured.
STOP_BIAS = {"tiny": 3.0, "small": 3.0, "full": -100.0}
LOGIT_SPREAD = 3.0
LOUDNESS = 0.2
# Of the vocoder: taps of its upsamplings and of the blocks of a stage.
_UPSAMPLING_TAPS = (16, 16, 4, 4)
_BLOCK_TAPS = (3, 7, 11)
_SETTLING_FRAMES = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model that a checkpoint's config can name."""

    layers: int
    width: int
    heads: int
    text_tokens: int
    audio_tokens: int
    max_text_tokens: int = 402
    max_audio_tokens: int = 605
    vocoder_channels: int = CHANNELS

    @property
    def start_audio(self) -> int:
        return self.audio_tokens - 2

    @property
    def stop_audio(self) -> int:
        return self.audio_tokens - 1


# The small one has fewer and narrower layers in front of the vocoder of XTTS. The tiny one has a narrow vocoder
# as well, which no setting of coqui-tts can name: it makes sound for a fraction of the work.
SHAPES = {
    "tiny": Shape(3, 64, 4, 400, 1026, vocoder_channels=64),
    "small": Shape(3, 64, 4, 400, 1026),
    "full": Shape(30, 1024, 16, 6681, 8194),
}


def random_speech_weights(size: Size, *, seed: int = 0, voices: int = 2, device: str = "cpu") -> SpeechWeights:
    """Weights that are in no file, with voices `Voice 1`... Drawn on `device`, which is fast on a GPU (they differ from
    device to device), and then on the CPU like any others."""
    shape = SHAPES[size]
    config = SpeechConfig(
        heads=shape.heads,
        start_text=0,
        stop_text=1,
        start_audio=shape.start_audio,
        stop_audio=shape.stop_audio,
        max_text_tokens=shape.max_text_tokens,
        max_audio_tokens=shape.max_audio_tokens - 3,
        languages=LANGUAGES,
        temperature=0.75,
        top_k=50,
        top_p=0.85,
        repetition_penalty=5.0,
    )
    state = random_state(size, seed=seed, device=device)
    draw = _Draw(torch.Generator(device).manual_seed(seed + 1))
    latents, embeddings = zip(*(draw.voice(shape.width) for _ in range(voices)), strict=True)
    state = {name: weight.cpu() for name, weight in state.items()}
    speakers = {
        f"Voice {number + 1}": (latent.cpu(), embedding.cpu())
        for number, (latent, embedding) in enumerate(zip(latents, embeddings, strict=True))
    }
    return SpeechWeights(config, read_gpt_weights(state, config), read_hifigan_weights(state), speakers)


@torch.no_grad()
def random_state(size: Size, *, seed: int = 0, device: str = "cpu") -> State:
    """By coqui's names: what decodes text to audio tokens and these to sound. The same for a seed."""
    draw = _Draw(torch.Generator(device).manual_seed(seed))
    shape = SHAPES[size]
    return _gpt(draw, shape, STOP_BIAS[size]) | _Vocoder(draw, shape.vocoder_channels).settled(shape.width)


@dataclass(frozen=True, slots=True)
class _Draw:
    generator: torch.Generator

    def normal(self, *shape: int, spread: float = 1.0, mean: float = 0.0) -> Tensor:
        device = self.generator.device
        return torch.empty(shape, device=device).normal_(mean, spread, generator=self.generator)

    def voice(self, width: int) -> tuple[Tensor, Tensor]:
        """Conditioning latents (1, 32, d) and speaker embedding (1, 512, 1)."""
        embedding = functional.normalize(self.normal(1, SPEAKER_WIDTH, 1), dim=1)
        return self.normal(1, CONDITIONING_LENGTH, width), embedding


def _gpt(draw: _Draw, shape: Shape, stop_bias: float) -> State:
    width = shape.width
    state = {
        "gpt.text_embedding.weight": draw.normal(shape.text_tokens, width, spread=0.8),
        "gpt.mel_embedding.weight": draw.normal(shape.audio_tokens, width, spread=0.8),
        "gpt.text_pos_embedding.emb.weight": draw.normal(shape.max_text_tokens + 2, width, spread=0.3),
        "gpt.mel_pos_embedding.emb.weight": draw.normal(shape.max_audio_tokens + 3, width, spread=0.3),
        "gpt.mel_head.weight": draw.normal(shape.audio_tokens, width, spread=LOGIT_SPREAD / width**0.5),
        "gpt.mel_head.bias": draw.normal(shape.audio_tokens, spread=0.02),
    }
    state["gpt.mel_head.bias"][shape.stop_audio] = stop_bias
    # Never chosen by a trained model either.
    state["gpt.mel_head.bias"][shape.start_audio] = -100.0
    for number in range(shape.layers):
        state |= _layer(draw, f"gpt.gpt.h.{number}", width, shape.layers)
    return state | _norm(draw, "gpt.gpt.ln_f", width) | _norm(draw, "gpt.final_norm", width)


def _layer(draw: _Draw, name: str, width: int, layers: int) -> State:
    residual = 2.0 / layers**0.5
    state = _norm(draw, f"{name}.ln_1", width) | _norm(draw, f"{name}.ln_2", width)
    state |= _linear(draw, f"{name}.attn.c_attn", width, 3 * width, 1.0)
    # Wide queries and keys: a position looks at some of the context, not at its mean.
    state[f"{name}.attn.c_attn.weight"][:, : 2 * width] *= 1.5
    state |= _linear(draw, f"{name}.attn.c_proj", width, width, residual)
    state |= _linear(draw, f"{name}.mlp.c_fc", width, 4 * width, 1.0)
    return state | _linear(draw, f"{name}.mlp.c_proj", 4 * width, width, residual)


def _norm(draw: _Draw, name: str, width: int) -> State:
    return {
        f"{name}.weight": draw.normal(width, spread=0.1, mean=1.0),
        f"{name}.bias": draw.normal(width, spread=0.05),
    }


def _linear(draw: _Draw, name: str, inputs: int, outputs: int, gain: float) -> State:
    """GPT-2 keeps its linears with inputs first."""
    return {
        f"{name}.weight": draw.normal(inputs, outputs, spread=gain / inputs**0.5),
        f"{name}.bias": draw.normal(outputs, spread=0.02),
    }


@dataclass(frozen=True, slots=True)
class _Vocoder:
    """Runs the network on noise while its weights are drawn: each layer is scaled to an output of a known spread."""

    draw: _Draw
    channels: int
    state: State = field(default_factory=dict)

    def settled(self, width: int) -> State:
        signal = self.draw.normal(1, width, _SETTLING_FRAMES)
        speaker = functional.normalize(self.draw.normal(1, SPEAKER_WIDTH, 1), dim=1)
        signal = self._filter("conv_pre", signal, self.channels, 7) + self._speaker(
            "cond_layer", speaker, self.channels
        )
        for stage, (factor, taps) in enumerate(zip(FACTORS, _UPSAMPLING_TAPS, strict=True)):
            channels = self.channels >> (stage + 1)
            signal = self._upsampling(f"ups.{stage}", functional.leaky_relu(signal, SLOPE), channels, taps, factor)
            signal = signal + self._speaker(f"conds.{stage}", speaker, channels)
            first = BLOCKS_PER_STAGE * stage
            blocks = [self._block(f"resblocks.{first + index}", signal, taps) for index, taps in enumerate(_BLOCK_TAPS)]
            signal = torch.stack(blocks).mean(0)
        self._filter("conv_post", functional.leaky_relu(signal, LAST_SLOPE), 1, 7, spread=LOUDNESS, has_bias=False)
        return {f"hifigan_decoder.waveform_decoder.{name}": value for name, value in self.state.items()}

    def _block(self, name: str, signal: Tensor, taps: int) -> Tensor:
        channels = signal.shape[1]
        for index, dilation in enumerate(DILATIONS):
            inner = functional.leaky_relu(signal, SLOPE)
            inner = self._filter(f"{name}.convs1.{index}", inner, channels, taps, dilation=dilation, is_normed=True)
            inner = functional.leaky_relu(inner, SLOPE)
            signal = signal + self._filter(f"{name}.convs2.{index}", inner, channels, taps, spread=0.5, is_normed=True)
        return signal

    def _speaker(self, name: str, speaker: Tensor, channels: int) -> Tensor:
        return self._filter(name, speaker, channels, 1, spread=0.5)

    def _filter(
        self,
        name: str,
        signal: Tensor,
        outputs: int,
        taps: int,
        *,
        dilation: int = 1,
        spread: float = 1.0,
        has_bias: bool = True,
        is_normed: bool = False,
    ) -> Tensor:
        weight = self.draw.normal(outputs, signal.shape[1], taps)
        output = functional.conv1d(signal, weight, padding=(taps - 1) * dilation // 2, dilation=dilation)
        return self._keep(name, weight, output, outputs if has_bias else 0, spread, is_normed)

    def _upsampling(self, name: str, signal: Tensor, outputs: int, taps: int, factor: int) -> Tensor:
        weight = self.draw.normal(signal.shape[1], outputs, taps)
        output = functional.conv_transpose1d(signal, weight, stride=factor, padding=(taps - factor) // 2)
        return self._keep(name, weight, output, outputs, 1.0, True)

    def _keep(self, name: str, weight: Tensor, output: Tensor, biases: int, spread: float, is_normed: bool) -> Tensor:
        factor = spread / output.std()
        weight, output = weight * factor, output * factor
        if is_normed:
            size = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
            self.state.update({f"{name}.weight_g": size, f"{name}.weight_v": weight})
        else:
            self.state[f"{name}.weight"] = weight
        if biases:
            self.state[f"{name}.bias"] = self.draw.normal(biases, spread=0.05)
            output = output + self.state[f"{name}.bias"][:, None]
        return output
