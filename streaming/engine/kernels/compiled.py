"""The one way in which this project compiles: by numba, for one processor, kept on disk for the next start.

Every function that is compiled stands in this folder, and so does everything that becomes part of its machine code. So one
key covers it: the files of the folder, the versions of the compilers, and the processor. numba by itself looks at the file
of the function alone, and would go on with what it made of another file that has changed since.
"""

import hashlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import numba
import numpy as np
from numba import njit

from streaming.engine.kernels.processor import CPU_FEATURES, CPU_NAME, TRIPLE

FOLDER = Path(__file__).resolve().parent
_config: Any = numba.config
# numba's settings that change machine code and that numba's own key does not name.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DISABLE_INTEL_SVML")


def cache_key(folder: Path = FOLDER) -> str:
    """Names everything that decides the machine code of the files in `folder`."""
    digest = hashlib.blake2b(digest_size=8)
    compilers = (platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__)
    settings = [f"{name}={getattr(_config, name)!r}" for name in _SETTINGS]
    digest.update(repr((compilers, TRIPLE, CPU_NAME, CPU_FEATURES, settings)).encode())
    for path in sorted(folder.glob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _cache_directory() -> Path | None:
    """Where compiled code is kept: in NUMBA_CACHE_DIR, in this folder, or among the temporary files, whichever can be
    written first. None where nothing can."""
    name = f"numba-{cache_key()}"
    if _config.CACHE_DIR and _is_writable(chosen := Path(_config.CACHE_DIR) / name):
        return chosen
    if _is_ours(beside := FOLDER / "__pycache__" / name):
        return beside
    # What is kept is executed: nobody else may be able to put it there.
    temporary = Path(tempfile.gettempdir()) / f"xtts-compiled-{os.getuid()}"
    return temporary / name if _is_ours(temporary) and _is_ours(temporary / name) else None


def _is_writable(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def _is_ours(directory: Path) -> bool:
    return _is_writable(directory) and directory.stat().st_uid == os.getuid() and not directory.stat().st_mode & 0o022


_DIRECTORY = _cache_directory()
_OPTIONS: Any = {"nogil": True, "cache": _DIRECTORY is not None, "error_model": "numpy", "boundscheck": False}
Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def _kept_here() -> Iterator[None]:
    """numba decides where it keeps a function when it is decorated. Those of other packages stay where they are."""
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_DIRECTORY or "")
    try:
        yield
    finally:
        _config.CACHE_DIR = before


def compiled(function: Function) -> Function:
    """Floats are computed in the order that is written."""
    with _kept_here():
        # False is not the default: without it a function does as the one that calls it.
        return cast(Function, njit(fastmath=False, **_OPTIONS)(function))


def compiled_with_reordered_sums(function: Function) -> Function:
    """Sums of floats may be reordered, so that they can be vectorised; the order is the same every time.

    A function has another order in each function that LLVM puts it into, and one of its own. So it becomes part of all that
    call it: a call would lead to whichever copy the process has loaded first, which is another one after a start that
    compiled than after one that found the code on disk.
    """
    with _kept_here():
        return cast(Function, njit(fastmath=True, forceinline=True, **_OPTIONS)(function))
