"""The one way in which this project compiles: by numba, for the processor at hand, kept on disk for the next start."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit

_HERE = Path(__file__).resolve().parent


def _sources() -> list[Path]:
    """The files that machine code is made of: all that compile with numba or with what is below."""
    return sorted(
        path for path in _HERE.parent.rglob("*.py") if re.search(rb"numba|kernels\.compiled import", path.read_bytes())
    )


def _cache_directory() -> Path | None:
    """A folder for what is compiled from exactly these sources: numba alone would look at the calling file only, and keep
    what it made of another one that has changed since. None where nothing can be written."""
    version = hashlib.blake2b(b"".join(path.read_bytes() for path in _sources()), digest_size=8).hexdigest()
    for parent in (_HERE / "__pycache__", Path(tempfile.gettempdir()) / f"xtts-compiled-{os.getuid()}"):
        directory = parent / f"numba-{version}"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK) and directory.stat().st_uid == os.getuid():
            return directory
    return None


if "NUMBA_CACHE_DIR" not in os.environ:
    _directory = _cache_directory()
    numba.config.CACHE_DIR = str(_directory or "")  # type: ignore[attr-defined]
    _can_cache = _directory is not None
else:
    _can_cache = True

_OPTIONS: Any = {"nogil": True, "cache": _can_cache, "error_model": "numpy", "boundscheck": False}
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Floats are computed in the order that is written."""
    return cast(Function, njit(**_OPTIONS)(function))


def compiled_with_reordered_sums(function: Function) -> Function:
    """Sums of floats may be reordered, so that they can be vectorised; the order is the same every time."""
    return cast(Function, njit(fastmath=True, **_OPTIONS)(function))
