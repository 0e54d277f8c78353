"""The files of a Piper voice: its model (`NAME.onnx`) and, beside it, its description (`NAME.onnx.json`)."""

import json
from pathlib import Path
from typing import Any

# What piper says phonemes with: by espeak-ng, or letters themselves. Its other ways ("pinyin" and so on) need packages or
# models of their own.
PHONEME_TYPES = ("espeak", "text")


class VoiceError(Exception):
    """A voice's files cannot be used; the message is one sentence that names them."""


def description_path(model_path: Path) -> Path:
    return model_path.with_name(f"{model_path.name}.json")


def read_description(model_path: Path) -> dict[str, Any]:
    """What the description says, without loading the model. Raises VoiceError, also if the model is not there."""
    path = description_path(model_path)
    if not model_path.is_file():
        raise VoiceError(f"There is no voice {model_path}; manage.py fetch_piper_voice downloads one.")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VoiceError(f"{path}, the description of a Piper voice, cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        description = None
    if not _is_description(description):
        raise VoiceError(f"{path} is not the description of a Piper voice.")
    kind = description.get("phoneme_type", PHONEME_TYPES[0])
    if kind not in PHONEME_TYPES:
        raise VoiceError(f"{path}: voices with phonemes of the type {kind!r} are not supported.")
    found: dict[str, Any] = description
    return found


def _is_description(value: Any) -> bool:
    """As far as piper needs it."""
    try:
        known = isinstance(value["espeak"]["voice"], str) and isinstance(value["phoneme_id_map"], dict)
        return known and {"num_symbols", "num_speakers"} <= value.keys() and int(value["audio"]["sample_rate"]) >= 8000
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
