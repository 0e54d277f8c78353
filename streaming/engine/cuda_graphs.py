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
    """As CUDA graphs on `device`, whose memory they share: one is repeated at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(self._device))
            # Once beforehand, as libraries set themselves up at first use, which cannot be recorded.
            with torch.cuda.stream(stream):
                work()
            torch.cuda.current_stream(self._device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=stream):
                result = work()
        return result, graph.replay
