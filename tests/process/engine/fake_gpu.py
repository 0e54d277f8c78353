"""Two GPUs that are not there: PyTorch computes shapes and devices only, and this watches what would have been launched.

Mixing devices raises here as on a GPU. What a GPU would have computed is zero; a token that is read is always TOKEN.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from streaming.engine import devices, xtts_model

TOKEN = 5
FREE_BYTES = 70 * 2**30


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types for it
    """Counts launches on GPUs by name, and what makes the host wait for a GPU: copies that block, values that are read.

    Raises AssertionError where a GPU is used that is not the current device.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.current: torch.device | None = None
        self.launches: Counter[str] = Counter()
        self.waits: list[str] = []
        # Copies between host and GPU that do not wait.
        self.copies = 0

    def forget(self) -> None:
        self.launches.clear()
        self.waits.clear()
        self.copies = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func), kwargs or {}
        if "pin_memory" in name:
            args[0].constant = None  # else the value itself would be sent to a GPU that is not there
            return args[0]
        if "is_pinned" in name:
            return False
        try:
            result = func(*args, **kwargs)
        except DataDependentOutputException:  # one number, to be read
            return self.read(args[0]).item()
        if func.namespace == "aten":
            is_sent = kwargs.get("non_blocking") or (name == "aten.copy_.default" and True in args[2:])
            # The host has the number to fill with.
            read = _devices(args[:1] if name == "aten.fill_.Tensor" else (args, kwargs))
            self._note(func, read, _devices(result), bool(is_sent))
        return result

    def read(self, tensor: Tensor) -> Any:
        """The values of a tensor, for the host."""
        if tensor.device.type == "cuda":
            self.waits.append("read")
        return np.full(tuple(tensor.shape), TOKEN, np.float32 if tensor.is_floating_point() else np.int64)

    def _note(self, func: Any, read: set[torch.device], made: set[torch.device], is_sent: bool) -> None:
        for device in read | made:
            assert device.type == "cpu" or device == self.current, f"{func} on {device}; current is {self.current}"
        if len({device.type for device in read | made}) > 1:
            if is_sent:
                self.copies += 1
            else:
                self.waits.append(str(func))
        elif not func.is_view and made and all(device.type == "cuda" for device in made):
            self.launches[str(func)] += 1


def _devices(tree: Any) -> set[torch.device]:
    return {leaf.device for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)}


class EagerCapture:
    """See `streaming.engine.gpt.cuda_graphs.Capture`: nothing is recorded."""

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        return work(), work


@contextmanager
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """cuda:0 and cuda:1, the first of them current."""
    watch = Watch()

    def set_current(device: torch.device) -> None:
        watch.current = torch.device(device)

    with monkeypatch.context() as patch:
        patch.setattr(FakeTensor, "numpy", lambda tensor: watch.read(tensor))
        patch.setattr(FakeTensor, "tolist", lambda tensor: watch.read(tensor).tolist())
        patch.setattr(torch.cuda, "set_device", set_current)
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        patch.setattr(torch.cuda, "mem_get_info", lambda device: (FREE_BYTES, 80 * 2**30))
        patch.setattr(devices, "_cuda_is_available", lambda: True)
        patch.setattr(xtts_model, "CudaCapture", EagerCapture)
        set_current(torch.device("cuda", 0))
        with FakeTensorMode(allow_non_fake_inputs=True), watch:
            yield watch
