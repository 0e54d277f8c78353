"""What goes between the host and a GPU without either waiting: through page-locked memory, which PyTorch keeps for the next
time, and not before what was copied has arrived.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


class Mark:
    """A point in the work of the current stream. On a CPU all work before it is done."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event() if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        if self._event:
            self._event.record(torch.cuda.current_stream(device))

    @property
    def is_reached(self) -> bool:
        return self._event is None or bool(self._event.query())  # type: ignore[no-untyped-call]

    def wait(self) -> None:
        """Have the host wait for it."""
        if self._event:
            self._event.synchronize()

    def hold_back(self, device: torch.device) -> None:
        """Have later work of the current stream wait for it."""
        if self._event:
            torch.cuda.current_stream(device).wait_event(self._event)


class Fetched:
    """Values on their way to the host."""

    def __init__(self, source: Tensor) -> None:
        is_gpu = source.device.type == "cuda"
        self._values = torch.empty(source.shape, dtype=source.dtype, pin_memory=is_gpu)
        self._values.copy_(source, non_blocking=True)
        self._mark = Mark(source.device)

    @property
    def is_there(self) -> bool:
        return self._mark.is_reached

    def read(self) -> Array:
        """Waits for them if need be."""
        self._mark.wait()
        array: Array = self._values.numpy()
        return array


def send(values: Array, target: Tensor) -> None:
    """Copy `values` to `target`, of the same shape."""
    source = torch.from_numpy(values)
    target.copy_(source.pin_memory() if target.device.type == "cuda" else source, non_blocking=True)
