"""The files of an XTTS v2 checkpoint: where they are, and whether they can be what they are said to be.

Everything here is cheap and needs neither torch nor coqui-tts, so that a server can say what is wrong before it loads
anything.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG, MODEL, VOCAB, SPEAKERS = "config.json", "model.pth", "vocab.json", "speakers_xtts.pth"
# What XTTS v2 is built around; its networks have these numbers in their shapes. A config may leave them out.
FIXED_ARGUMENTS = {
    "input_sample_rate": 22050,
    "output_sample_rate": 24000,
    "output_hop_length": 256,
    "gpt_code_stride_len": 1024,
    "d_vector_dim": 512,
}
NEEDED_TOKENS = ("[START]", "[STOP]", "[UNK]", "[SPACE]")


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message is one sentence for whoever configured it."""


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """One checkpoint on disk. `speakers`, the built-in voices, may be missing."""

    config: Path
    model: Path
    vocab: Path
    speakers: Path | None


def find_checkpoint(
    config_path: str | Path | None, checkpoint_path: str | Path, tokenizer_path: str | Path | None
) -> CheckpointFiles:
    """The files of a checkpoint, each of them looked into.

    `checkpoint_path` is `model.pth` or the folder that holds it; the other files lie beside it unless they are named. Raises
    CheckpointError for the first file that is missing or cannot be what it should be.
    """
    given = Path(checkpoint_path)
    model = given / MODEL if given.is_dir() else given
    speakers = model.parent / SPEAKERS
    files = CheckpointFiles(
        config=Path(config_path) if config_path else model.parent / CONFIG,
        model=model,
        vocab=Path(tokenizer_path) if tokenizer_path else model.parent / VOCAB,
        speakers=speakers if speakers.exists() else None,
    )
    _check_weights(files.model, "model.checkpoint_path")
    _check_config(files.config)
    _check_vocabulary(files.vocab)
    if files.speakers:
        _check_weights(files.speakers, f"the built-in voices beside {files.model.name}")
    return files


def _beginning(path: Path, named_by: str, size: int = 512) -> bytes:
    """The first bytes of a file that has to be there. Raises CheckpointError for one that is not, or is a stand-in."""
    try:
        if not path.exists():
            raise CheckpointError(f"{path} does not exist ({named_by}).")
        if not path.is_file():
            raise CheckpointError(f"{path} is not a file ({named_by}).")
        with path.open("rb") as file:
            head = file.read(size)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror} ({named_by}).") from None
    _refuse_stand_ins(path, head)
    return head


def _refuse_stand_ins(path: Path, head: bytes) -> None:
    if not head:
        raise CheckpointError(f"{path} is empty.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is only a Git LFS pointer: download the file itself, for example with `git lfs pull`."
        )
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise CheckpointError(f"{path} is a web page, not the file itself: it was downloaded from the wrong address.")


def _check_weights(path: Path, named_by: str) -> None:
    if not _beginning(path, named_by).startswith(b"PK\x03\x04"):
        raise CheckpointError(f"{path} is not a file that torch.save wrote in its zip format ({named_by}).")
    try:
        with zipfile.ZipFile(path) as archive:
            complete = any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        raise CheckpointError(f"{path} is damaged or incomplete: download it again.") from None
    if not complete:
        raise CheckpointError(f"{path} is a zip archive, but not one that torch.save wrote ({named_by}).")


def read_json(path: Path, named_by: str) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError, which says by which setting (`named_by`) the file was named."""
    _beginning(path, named_by)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror} ({named_by}).") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path} is not JSON ({named_by}).") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is JSON, but not an object ({named_by}).")
    return content


def _check_config(path: Path) -> None:
    config = read_json(path, "model.config_path")
    if config.get("model") != "xtts":
        raise CheckpointError(f'{path} is not the config.json of an XTTS model: its `model` is not "xtts".')
    arguments = config.get("model_args")
    if not isinstance(arguments, dict):
        raise CheckpointError(f"{path} is not the config.json of an XTTS model: it has no `model_args`.")
    if arguments.get("gpt_use_perceiver_resampler") is not True:
        raise CheckpointError(f"{path} describes XTTS v1 (no perceiver resampler): only XTTS v2 is supported.")
    for name, wanted in FIXED_ARGUMENTS.items():
        if arguments.get(name, wanted) != wanted:
            raise CheckpointError(f"{path} sets {name} to {arguments[name]!r}: only {wanted} is supported.")
    width = arguments.get("gpt_n_model_channels", 1024)
    if arguments.get("decoder_input_dim", 1024) != width:
        raise CheckpointError(f"{path} sets decoder_input_dim to a value other than gpt_n_model_channels ({width}).")


def _check_vocabulary(path: Path) -> None:
    content = read_json(path, "model.tokenizer_path")
    model = content.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict) or "merges" not in model:
        raise CheckpointError(f"{path} is not a BPE vocabulary of the tokenizers library (model.tokenizer_path).")
    known = set(model["vocab"]) | {str(token.get("content")) for token in content.get("added_tokens") or ()}
    if missing := [token for token in NEEDED_TOKENS if token not in known]:
        raise CheckpointError(f"{path} is not the vocabulary of an XTTS model: it has no token {missing[0]}.")
