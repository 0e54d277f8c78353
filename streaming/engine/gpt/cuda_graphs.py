"""Work of fixed shape, recorded once and repeated without Python: CUDA graphs behind a function, so that a test can take
something else in their place.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Capture(Protocol):
    """Records work on tensors that stay where they are."""

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        """Run `work`, and record it. Returns its result, and what repeats it: from what the tensors hold by then that
        `work` reads, into the same result. Other captures' results may share its memory: read it before they are repeated.
        """


class CudaCapture:
    """As CUDA graphs on `device`, which share their memory: one is repeated at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()
            # One for all captures: on each stream, cuBLAS takes 32 MB of a large GPU for itself.
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        with torch.cuda.device(self._device):
            stream = self._stream
            stream.wait_stream(torch.cuda.current_stream(self._device))
            # Once beforehand, as libraries set themselves up at first use, which cannot be recorded.
            with torch.cuda.stream(stream):
                work()
            torch.cuda.current_stream(self._device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=stream):
                result = work()
        return result, graph.replay
