"""From the files of a checkpoint to an engine that speaks: the way that needs coqui-tts."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streaming.engine.checkpoint.config import Overrides, read_speech_config
from streaming.engine.checkpoint.coqui import load_checkpoint
from streaming.engine.checkpoint.files import find_checkpoint
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.conditioner import Conditioner
from streaming.engine.gpt.weights import read_gpt_weights
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.frontend import TextFrontEnd
from streaming.engine.text.tails import Tails
from streaming.engine.vocoder.weights import read_hifigan_weights
from streaming.engine.xtts_engine import XttsEngine
from streaming.engine.xtts_model import Compute, ComputeOptions, Model, SharedModel, assemble

logger = logging.getLogger("streaming.engine.xtts")


def make_engine(model: SharedModel) -> XttsEngine:
    if isinstance(model, Model):
        return SteppedEngine(model)
    # Here, because it brings Triton.
    from streaming.engine.gpu.engine import CapturedEngine
    from streaming.engine.gpu.model import CapturedModel

    if not isinstance(model, CapturedModel):
        raise TypeError(f"No engine speaks with a {type(model).__name__}.")
    return CapturedEngine(model)


@dataclass(frozen=True, slots=True)
class CheckpointPaths:
    """As in the settings: `config_path` and `tokenizer_path` only if they do not lie beside the weights."""

    checkpoint_path: str
    config_path: str | None = None
    tokenizer_path: str | None = None


def load_engine(
    checkpoint_path: str,
    config_path: str | None = None,
    tokenizer_path: str | None = None,
    tails: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    **options: Any,
) -> XttsEngine:
    """`tails`: the fields of Tails that differ from its defaults. `overrides`: of Overrides. `options`: of ComputeOptions.
    Raises what `load_model` raises."""
    started = time.monotonic()
    paths = CheckpointPaths(checkpoint_path, config_path, tokenizer_path)
    model = load_model(paths, ComputeOptions(**options), Tails(**tails or {}), Overrides(**overrides or {}))
    logger.info(
        "XTTS loaded on %s in %s in %.1f s, for %d concurrent utterances",
        *(model.device, model.precision, time.monotonic() - started, model.slots),
    )
    return make_engine(model)


def load_model(
    paths: CheckpointPaths,
    options: ComputeOptions,
    tails: Tails | None = None,
    overrides: Overrides = Overrides(),  # noqa: B008 (frozen)
) -> SharedModel:
    """Raises CheckpointError for a checkpoint, ValueError for options that do not fit this machine."""
    compute = Compute.begin(options)
    files = find_checkpoint(
        Path(paths.config_path) if paths.config_path else None,
        Path(paths.checkpoint_path),
        Path(paths.tokenizer_path) if paths.tokenizer_path else None,
    )
    parts = load_checkpoint(files, overrides.conditioning)
    config = overrides.applied(read_speech_config(files))
    state = parts.model.state_dict()
    weights = SpeechWeights(config, read_gpt_weights(state, config), read_hifigan_weights(state), parts.speakers)
    # What speaks is in `weights`; the model keeps what conditions voices.
    del state, parts.model.gpt.gpt, parts.model.hifigan_decoder.waveform_decoder
    front_end = TextFrontEnd(
        parts.tokenizer,
        languages=config.languages,
        max_text_tokens=config.max_text_tokens,
        max_audio_tokens=config.max_audio_tokens,
        tails=tails,
    )
    conditioner = Conditioner(parts, compute.device)
    return assemble(weights, compute, front_end=front_end, conditioner=conditioner, fingerprint=parts.fingerprint)
