"""Files that look like a checkpoint to everybody but torch, made in no time."""

import json
import zipfile
from pathlib import Path
from typing import Any

from streaming.engine.checkpoint.files import NEEDED_TOKENS

ARGUMENTS = {"gpt_use_perceiver_resampler": True}
CONFIG = {"model": "xtts", "model_args": ARGUMENTS}
VOCABULARY = {"model": {"vocab": {token: index for index, token in enumerate(NEEDED_TOKENS)}, "merges": []}}


def write_stand_in(folder: Path) -> Path:
    write_weights(folder / "model.pth")
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "vocab.json", VOCABULARY)
    return folder


def write_weights(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"weights")


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
