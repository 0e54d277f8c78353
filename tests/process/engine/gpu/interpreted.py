"""The kernels in Triton's interpreter, which runs them on a CPU in numpy, in a process of its own: whether Triton compiles
or interprets is decided when it is imported, for a whole process.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


class Interpreter:
    """Calls functions of `transformer_kernels` and `convolution_kernels`."""

    def __init__(self, process: ProcessPoolExecutor) -> None:
        self._process = process

    def call(self, name: str, *arguments: Any, tiles: dict[str, Any] | None = None, **options: Any) -> None:
        """A call of the function `name`, whose tensors then hold what it has written. `tiles`: constants of its module to
        be replaced meanwhile."""
        tensors = [value for value in (*arguments, *options.values()) if isinstance(value, Tensor)]
        sent = tuple(map(_sent, arguments)), {key: _sent(value) for key, value in options.items()}
        # Not as tensors, which would share their memory and leave it to be cleared away.
        written = self._process.submit(_call, name, *sent, tiles or {}).result(timeout=120)
        for tensor, array in zip(tensors, written, strict=True):
            tensor.copy_(torch.from_numpy(array))


@contextmanager
def interpreter() -> Iterator[Interpreter]:
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_enter) as process:
        yield Interpreter(process)


def _enter() -> None:
    """In the new process, before anything has imported Triton."""
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)
    from triton.runtime import interpreter

    patch_tensor = interpreter._patch_lang_tensor

    def patch_with_index(tensor: Any, scope: Any) -> None:
        """Triton 3.6 makes numbers of arrays of one element, which numpy does not do any more."""
        patch_tensor(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = patch_with_index


def _sent(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def _call(name: str, arguments: tuple[Any, ...], options: dict[str, Any], tiles: dict[str, Any]) -> list[Array]:
    """In the other process. Returns all arrays after the call."""
    from streaming.engine.gpu import convolution_kernels, transformer_kernels

    module = convolution_kernels if hasattr(convolution_kernels, name) else transformer_kernels
    before = {key: getattr(module, key) for key in tiles}
    tensors: list[Tensor] = []

    def received(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        tensors.append(torch.from_numpy(value.copy()))
        return tensors[-1]

    here = [received(value) for value in arguments]
    named = {key: received(value) for key, value in options.items()}
    try:
        for key, value in tiles.items():
            setattr(module, key, value)
        getattr(module, name)(*here, **named)
    finally:
        for key, value in before.items():
            setattr(module, key, value)
    return [tensor.numpy() for tensor in tensors]
