"""An XTTS v2 checkpoint as modules: the one place that knows coqui-tts.

Its classes define the networks, so a checkpoint that fits them is loaded exactly as coqui-tts would; what it builds around
them for Hugging Face's `generate` is left out. Nothing on disk is written.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

from streaming.engine.checkpoint.files import CheckpointError, CheckpointFiles
from streaming.engine.checkpoint.tensors import Speakers, read_speakers, read_state
from streaming.engine.conditioning import FORMAT
from streaming.engine.vocoder.weights import CHANNELS, channels_of
from streaming.loading import imports_kept

# Wherever it is imported first: the engine's own process is not the only one that does.
with imports_kept():
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

# What the conditioning of a voice is computed with: these settings and these weights.
_CONDITIONING_SETTINGS = ("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_len", "sound_norm_refs")
_CONDITIONING_WEIGHTS = (
    "gpt.conditioning_encoder.",
    "gpt.conditioning_perceiver.",
    "hifigan_decoder.speaker_encoder.",
    "mel_stats",
)
# What is used of a config besides `model_args`.
_READ_SETTINGS = (*_CONDITIONING_SETTINGS, "languages")


@dataclass(frozen=True, slots=True)
class XttsParts:
    """A loaded checkpoint.

    `model` is coqui's Xtts in float32 on the CPU, in evaluation mode, without gradients, with weight norm folded into the
    weights and without `gpt.gpt_inference`. `speakers` holds the built-in voices by name: conditioning latents (1, 32, d)
    and speaker embedding (1, 512, 1). `fingerprint` is equal wherever voices get the same conditioning.
    """

    model: Any
    config: Any
    tokenizer: Any
    speakers: Speakers
    fingerprint: str


def load_checkpoint(files: CheckpointFiles, conditioning: Mapping[str, Any] | None = None) -> XttsParts:
    """The checkpoint in `files`, as found by `find_checkpoint`. `conditioning`: settings that hold in the place of those of
    config.json, by their names there; voices are prepared with them, and they are part of the fingerprint.

    Raises CheckpointError for files that do not fit each other.
    """
    state = read_state(files.model)
    with _NoRandomNumbers():  # type: ignore[no-untyped-call] # torch has no types for it
        model = build_model(files.config, files.vocab, channels_of(state))
    _check_fit(files, model.state_dict(), state)
    for name, value in (conditioning or {}).items():
        setattr(model.config, name, value)
    # Assigned, not copied: two gigabytes are in memory once.
    model.load_state_dict(state, assign=True)
    _prepare(model)
    return XttsParts(
        model=model,
        config=model.config,
        tokenizer=model.tokenizer,
        speakers=read_speakers(files.speakers, model.gpt.model_dim) if files.speakers else {},
        fingerprint=conditioning_fingerprint(model),
    )


class _NoRandomNumbers(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types for it
    """Leaves new weights unset: drawing 400 million random numbers takes longer than reading the trained ones."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.normal_.default, torch.ops.aten.uniform_.default):
            return args[0]
        return func(*args, **(kwargs or {}))


def build_model(config_path: Path, vocab_path: Path, channels: int = CHANNELS) -> Any:
    """coqui's Xtts for a config and a vocabulary, its weights not loaded yet. `channels`: those behind the vocoder's first
    filter. Raises CheckpointError."""
    config = _read_config(config_path)
    # The vocabulary decides; with a number here, the constructor would build a GPT only to throw it away.
    config.model_args.gpt_number_text_tokens = None
    try:
        with _without_warnings():
            model = Xtts(config)
            model.tokenizer = _read_vocabulary(vocab_path)
            model.init_models()
            if channels != CHANNELS:
                model.hifigan_decoder = _decoder(model.args, channels)
    except (TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
        raise CheckpointError(
            f"{config_path} does not describe a model that can be built: {_first_line(error)}."
        ) from error
    return model


def _decoder(arguments: Any, channels: int) -> HifiDecoder:
    """As coqui's Xtts makes it, but for the width, which it cannot be told."""
    return HifiDecoder(
        input_sample_rate=arguments.input_sample_rate,
        output_sample_rate=arguments.output_sample_rate,
        output_hop_length=arguments.output_hop_length,
        ar_mel_length_compression=arguments.gpt_code_stride_len,
        decoder_input_dim=arguments.decoder_input_dim,
        d_vector_dim=arguments.d_vector_dim,
        cond_d_vector_in_each_upsampling_layer=arguments.cond_d_vector_in_each_upsampling_layer,
        upsample_initial_channel_decoder=channels,
    )


@contextmanager
def _without_warnings() -> Iterator[None]:
    """transformers warns of token ids that XTTS does not use, once for each network."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _read_config(path: Path) -> Any:
    config = XttsConfig()
    try:
        # It replaces a whole section by defaults for one wrong value, with a warning only: looked for below.
        with warnings.catch_warnings(action="ignore"):
            config.load_json(str(path))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read by coqui-tts: {_first_line(error)}.") from error
    _check_taken(path, config)
    return config


def _check_taken(path: Path, config: Any) -> None:
    """Raises CheckpointError if coqui-tts has put a default in the place of something that the file says."""
    content = json.loads(path.read_text(encoding="utf-8"))
    pairs = [(name, value, getattr(config.model_args, name, value)) for name, value in content["model_args"].items()]
    pairs += [(name, content[name], getattr(config, name)) for name in _READ_SETTINGS if name in content]
    if wrong := [pair for pair in pairs if pair[1] != pair[2]]:
        # One wrong type replaces everything beside it as well.
        name, value, _ = next((pair for pair in wrong if not isinstance(pair[1], type(pair[2]))), wrong[0])
        raise CheckpointError(f"{path} sets {name} to {value!r}, a value that coqui-tts does not accept.")


def _read_vocabulary(path: Path) -> Any:
    try:
        return VoiceBpeTokenizer(vocab_file=str(path))
    except Exception as error:  # the tokenizers library raises nothing more precise
        raise CheckpointError(f"{path} cannot be read by the tokenizers library: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _check_fit(files: CheckpointFiles, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError unless `found` has the weights of `wanted` in their shapes."""
    found = {_folded_name(name): weight for name, weight in found.items()}
    wanted = {_folded_name(name): weight for name, weight in wanted.items()}
    _check_tokens(files, wanted, found)
    if missing := sorted(wanted.keys() - found.keys()):
        raise CheckpointError(f"{files.model} lacks {_some(missing)}: it is not an XTTS v2 model, or it is incomplete.")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise CheckpointError(f"{files.model} holds {_some(unknown)}, which XTTS v2 does not have.")
    if wrong := [name for name, weight in wanted.items() if found[name].shape != weight.shape]:
        shapes = f"{tuple(found[wrong[0]].shape)}, not {tuple(wanted[wrong[0]].shape)}"
        raise CheckpointError(f"{files.model} does not fit {files.config}: {_some(wrong)} is {shapes}.")


def _check_tokens(files: CheckpointFiles, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    name = "gpt.text_embedding.weight"
    if name in found and found[name].shape[:1] != wanted[name].shape[:1]:
        raise CheckpointError(
            f"{files.vocab} has {len(wanted[name])} tokens and {files.model} was trained with {len(found[name])}: "
            "they do not belong together."
        )


def _folded_name(name: str) -> str:
    # torch has two ways to save weight norm and reads both.
    name = name.replace(".parametrizations.weight.original0", ".weight_g")
    return name.replace(".parametrizations.weight.original1", ".weight_v")


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"


def _prepare(model: Any) -> None:
    """Ready to run: evaluation mode, no gradients, no weight norm."""
    # Not model.eval(): coqui's builds the network for Hugging Face's `generate` as well.
    nn.Module.train(model, False)
    model.requires_grad_(False)
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def conditioning_fingerprint(model: Any) -> str:
    """A name for everything that decides the conditioning of a voice and how it is stored, equal on every machine."""
    settings = {"format": FORMAT, **{name: getattr(model.config, name) for name in _CONDITIONING_SETTINGS}}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, weight in _sorted_weights(model.state_dict()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _sorted_weights(state: Mapping[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
    return ((name, state[name]) for name in sorted(state) if name.startswith(_CONDITIONING_WEIGHTS))
