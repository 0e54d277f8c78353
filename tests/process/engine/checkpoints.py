"""Checkpoints with random weights, as files and loaded."""

from pathlib import Path

from benchmarks.made_once import made_once
from streaming.engine.checkpoint.coqui import XttsParts, load_checkpoint
from streaming.engine.checkpoint.files import find_checkpoint
from streaming.engine.checkpoint.random_checkpoint import write_random_checkpoint
from streaming.engine.checkpoint.random_weights import Size


def write_random(folder: Path, size: Size, seed: int = 0) -> Path:
    """A checkpoint of this size in `folder`."""
    write_random_checkpoint(folder, size, seed)
    return folder


def made_random(size: Size) -> Path:
    """The folder of such a checkpoint, which all tests share."""
    return made_once(f"{size}-checkpoint", lambda folder: write_random_checkpoint(folder, size, 0))


def load(folder: Path) -> XttsParts:
    return load_checkpoint(find_checkpoint(None, folder, None))
