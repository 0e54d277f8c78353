"""The weights of XTTS's GPT as plain tensors, taken from coqui's module once."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class NormWeights:
    """Both (width,)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class LinearWeights:
    """weight (outputs, inputs), bias (outputs,)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One transformer layer, GPT-2's order: norm, attention, norm, MLP. `attention_in` gives queries, keys and values."""

    norm_1: NormWeights
    attention_in: LinearWeights
    attention_out: LinearWeights
    norm_2: NormWeights
    mlp_in: LinearWeights
    mlp_out: LinearWeights


@dataclass(frozen=True, slots=True)
class GptWeights:
    """What decoding needs, float32 on the CPU. Embeddings are (entries, width).

    `final_norms` are the transformer's own last norm and the one that XTTS puts after it: their result is the latent.
    """

    heads: int
    layers: tuple[LayerWeights, ...]
    final_norms: tuple[NormWeights, NormWeights]
    text_embedding: Tensor
    text_positions: Tensor
    audio_embedding: Tensor
    audio_positions: Tensor
    audio_head: LinearWeights
    start_text: int
    stop_text: int
    start_audio: int
    stop_audio: int
    max_audio_tokens: int

    @property
    def width(self) -> int:
        return self.text_embedding.shape[1]

    @property
    def max_text_tokens(self) -> int:
        """The most text tokens of one sequence, without start and stop."""
        return self.text_positions.shape[0] - 2


def take_weights(gpt: Any) -> GptWeights:
    """`gpt`: coqui's `TTS.tts.layers.xtts.gpt.GPT`."""
    with torch.no_grad():
        return GptWeights(
            heads=gpt.heads,
            layers=tuple(_layer(block) for block in gpt.gpt.h),
            final_norms=(_norm(gpt.gpt.ln_f), _norm(gpt.final_norm)),
            text_embedding=gpt.text_embedding.weight.detach(),
            text_positions=gpt.text_pos_embedding.emb.weight.detach(),
            audio_embedding=gpt.mel_embedding.weight.detach(),
            audio_positions=gpt.mel_pos_embedding.emb.weight.detach(),
            audio_head=LinearWeights(gpt.mel_head.weight.detach(), gpt.mel_head.bias.detach()),
            start_text=gpt.start_text_token,
            stop_text=gpt.stop_text_token,
            start_audio=gpt.start_audio_token,
            stop_audio=gpt.stop_audio_token,
            max_audio_tokens=gpt.max_gen_mel_tokens,
        )


def _layer(block: Any) -> LayerWeights:
    return LayerWeights(
        norm_1=_norm(block.ln_1),
        attention_in=_linear(block.attn.c_attn),
        attention_out=_linear(block.attn.c_proj),
        norm_2=_norm(block.ln_2),
        mlp_in=_linear(block.mlp.c_fc),
        mlp_out=_linear(block.mlp.c_proj),
    )


def _norm(module: Any) -> NormWeights:
    return NormWeights(module.weight.detach(), module.bias.detach())


def _linear(module: Any) -> LinearWeights:
    # GPT-2 keeps its linears with inputs first.
    return LinearWeights(module.weight.detach().t(), module.bias.detach())
