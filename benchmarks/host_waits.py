"""How often something has the host wait for the GPU."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Waits:
    count = 0


@contextmanager
def counted() -> Iterator[Waits]:
    """Every operation within that has the host wait for the GPU, by PyTorch's own account. Complete at the end."""
    waits = Waits()
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            waits.count = sum("called a synchronizing" in str(warning.message) for warning in caught)
