"""The tensors of a checkpoint, read without coqui-tts, and what speaking needs of them.

Only the text front end and the networks that condition voices need more (`streaming/engine/checkpoint/coqui.py`).
"""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from streaming.engine.checkpoint.config import SpeechConfig, read_speech_config
from streaming.engine.checkpoint.files import CheckpointError, CheckpointFiles
from streaming.engine.conditioning import CONDITIONING_LENGTH, SPEAKER_WIDTH
from streaming.engine.gpt.weights import GptWeights, read_gpt_weights
from streaming.engine.vocoder.weights import HifiganWeights, read_hifigan_weights

# Parts of a training run that speak no word, and second names for weights that the checkpoint holds anyway.
_NOT_NEEDED = re.compile(
    r"(torch_mel_spectrogram_style_encoder|torch_mel_spectrogram_dvae|dvae)\."
    r"|gpt\.gpt_inference\.|gpt\.gpt\.wte\.|gpt\.gpt\.h\.\d+\.attn\.(bias|masked_bias)$"
)
# Settings of a training run lie beside the weights as objects of these packages.
_SETTINGS_PACKAGES = ("TTS.", "trainer.", "coqpit.")

Speakers = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class SpeechWeights:
    """What speaking needs: float32, on the CPU. `speakers`, the built-in voices by name: conditioning latents (1, 32, d)
    and speaker embedding (1, 512, 1)."""

    config: SpeechConfig
    gpt: GptWeights
    vocoder: HifiganWeights
    speakers: Speakers


def read_speech_weights(files: CheckpointFiles) -> SpeechWeights:
    """From files that `find_checkpoint` found. Raises CheckpointError."""
    config, state = read_speech_config(files), read_state(files.model)
    try:
        gpt, vocoder = read_gpt_weights(state, config), read_hifigan_weights(state)
    except KeyError as error:
        raise CheckpointError(
            f"{files.model} lacks {error.args[0]}: it is not an XTTS v2 model, or it is incomplete."
        ) from None
    return SpeechWeights(config, gpt, vocoder, read_speakers(files.speakers, gpt.width) if files.speakers else {})


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a model.pth by coqui's names, in float32, without those that speaking has no use for. Raises
    CheckpointError."""
    content = _read(path)
    state = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f'{path} holds no weights under "model": it is not the model.pth of an XTTS model.')
    # A training run of coqui's Trainer saves its model inside another.
    named = ((name.removeprefix("xtts."), weight) for name, weight in state.items())
    return {
        name: weight.float().contiguous() if weight.is_floating_point() else weight
        for name, weight in named
        if not _NOT_NEEDED.match(name)
    }


def read_speakers(path: Path, width: int) -> Speakers:
    """The built-in voices in a speakers_xtts.pth. Raises CheckpointError."""
    content = _read(path)
    try:
        return {
            str(name): (
                voice["gpt_cond_latent"].float().reshape(1, CONDITIONING_LENGTH, width),
                voice["speaker_embedding"].float().reshape(1, SPEAKER_WIDTH, 1),
            )
            for name, voice in content.items()
        }
    except (AttributeError, KeyError, TypeError, RuntimeError):
        raise CheckpointError(
            f"{path} does not contain built-in voices for this model: delete it or download it again."
        ) from None


class _Settings:
    """Stands for any object of settings in a file: it takes the values and does nothing."""


def _read(path: Path) -> Any:
    """What torch.save wrote, without running code from it: tensors, containers, and settings as `_Settings`."""
    try:
        names = get_unsafe_globals_in_checkpoint(path)
        settings: list[Any] = [(_Settings, name) for name in names if name.startswith(_SETTINGS_PACKAGES)]
        with safe_globals(settings):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, AttributeError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise CheckpointError(f"{path} cannot be loaded by torch: {reason}.") from None
