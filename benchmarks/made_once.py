"""Folders that are made once for all processes of a run: the first process that needs one makes it."""

import fcntl
import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

# Names the folder in which the processes of a run find what was made. Without it, each process makes its own.
VARIABLE = "SPEECH_MADE_ONCE"


@functools.cache
def _own_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="xtts-made-once-")


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, filled by `make`. Nobody may write into it.

    Who comes while another process makes it waits for that. What was begun and not finished is not found.
    """
    everything = Path(os.environ.get(VARIABLE) or _own_folder().name)
    folder = everything / name
    with (everything / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=everything) as begun:
                made = Path(begun) / name
                made.mkdir()
                make(made)
                made.rename(folder)
    return folder
