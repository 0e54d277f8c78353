"""The weights of XTTS's GPT as plain tensors, read from a checkpoint."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from streaming.engine.checkpoint.config import SpeechConfig


@dataclass(frozen=True, slots=True)
class NormWeights:
    """Both (width,)."""

    weight: Tensor
    bias: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "NormWeights":
        return NormWeights(self.weight.to(device, dtype), self.bias.to(device, dtype))


@dataclass(frozen=True, slots=True)
class LinearWeights:
    """weight (outputs, inputs), bias (outputs,)."""

    weight: Tensor
    bias: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "LinearWeights":
        return LinearWeights(self.weight.to(device, dtype).contiguous(), self.bias.to(device, dtype))


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One transformer layer, GPT-2's order: norm, attention, norm, MLP. `attention_in` gives queries, keys and values."""

    norm_1: NormWeights
    attention_in: LinearWeights
    attention_out: LinearWeights
    norm_2: NormWeights
    mlp_in: LinearWeights
    mlp_out: LinearWeights

    def to(self, device: torch.device, dtype: torch.dtype) -> "LayerWeights":
        return LayerWeights(
            self.norm_1.to(device, dtype),
            self.attention_in.to(device, dtype),
            self.attention_out.to(device, dtype),
            self.norm_2.to(device, dtype),
            self.mlp_in.to(device, dtype),
            self.mlp_out.to(device, dtype),
        )


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


def read_gpt_weights(state: Mapping[str, Tensor], config: SpeechConfig) -> GptWeights:
    """`state`: a checkpoint's weights by coqui's names. Raises KeyError with the name of one that is missing."""
    return GptWeights(
        heads=config.heads,
        layers=tuple(_layers(state)),
        final_norms=(_norm(state, "gpt.gpt.ln_f"), _norm(state, "gpt.final_norm")),
        text_embedding=state["gpt.text_embedding.weight"],
        text_positions=state["gpt.text_pos_embedding.emb.weight"],
        audio_embedding=state["gpt.mel_embedding.weight"],
        audio_positions=state["gpt.mel_pos_embedding.emb.weight"],
        audio_head=LinearWeights(state["gpt.mel_head.weight"], state["gpt.mel_head.bias"]),
        start_text=config.start_text,
        stop_text=config.stop_text,
        start_audio=config.start_audio,
        stop_audio=config.stop_audio,
        max_audio_tokens=config.max_audio_tokens,
    )


def _layers(state: Mapping[str, Tensor]) -> Iterator[LayerWeights]:
    for number in itertools.count():
        name = f"gpt.gpt.h.{number}"
        # The first layer has to be there.
        if number and f"{name}.ln_1.weight" not in state:
            return
        yield LayerWeights(
            norm_1=_norm(state, f"{name}.ln_1"),
            attention_in=_linear(state, f"{name}.attn.c_attn"),
            attention_out=_linear(state, f"{name}.attn.c_proj"),
            norm_2=_norm(state, f"{name}.ln_2"),
            mlp_in=_linear(state, f"{name}.mlp.c_fc"),
            mlp_out=_linear(state, f"{name}.mlp.c_proj"),
        )


def _norm(state: Mapping[str, Tensor], name: str) -> NormWeights:
    return NormWeights(state[f"{name}.weight"], state[f"{name}.bias"])


def _linear(state: Mapping[str, Tensor], name: str) -> LinearWeights:
    # GPT-2 keeps its linears with inputs first.
    return LinearWeights(state[f"{name}.weight"].t(), state[f"{name}.bias"])
