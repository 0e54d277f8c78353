"""Which calls make a CUDA graph, and for which GPU; what a graph does is for a machine with one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from streaming.engine.gpt.cuda_graphs import CudaCapture

FIRST, SECOND = torch.device("cuda", 0), torch.device("cuda", 1)


class StandIn:
    """PyTorch's part: notes on which device, stream and graph anything happens."""

    def __init__(self) -> None:
        self.device, self.stream = FIRST, "default"
        self.notes: list[tuple[Any, ...]] = []
        self.streams: list[torch.device] = []

    def note(self, what: str, *details: Any) -> None:
        self.notes.append((what, self.device, self.stream, *details))

    def make_stream(self, device: torch.device | None = None) -> "Stream":
        self.streams.append(device or self.device)
        return Stream(f"stream of {self.streams[-1]}", self)

    @contextmanager
    def on_device(self, device: torch.device) -> Iterator[None]:
        before, self.device = self.device, device
        yield
        self.device = before

    @contextmanager
    def on_stream(self, stream: "Stream") -> Iterator[None]:
        before, self.stream = self.stream, stream.name
        yield
        self.stream = before

    @contextmanager
    def graph(self, graph: "Graph", *, pool: str, stream: "Stream") -> Iterator[None]:
        with self.on_stream(stream):
            self.note("begin", pool)
            yield
            self.note("end", pool)


class Stream:
    def __init__(self, name: str, cuda: StandIn) -> None:
        self.name = name
        self._cuda = cuda

    def wait_stream(self, other: "Stream") -> None:
        self._cuda.notes.append((f"{self.name} waits for {other.name}",))


class Graph:
    def __init__(self, cuda: StandIn) -> None:
        self._cuda = cuda

    def replay(self) -> None:
        self._cuda.note("replay")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    cuda = StandIn()
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "device", cuda.on_device)
    monkeypatch.setattr(torch.cuda, "Stream", cuda.make_stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: Stream("default", cuda))
    monkeypatch.setattr(torch.cuda, "stream", cuda.on_stream)
    monkeypatch.setattr(torch.cuda, "graph", cuda.graph)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: Graph(cuda))
    return cuda


def test_work_is_captured_where_it_runs_after_it_ran_once(cuda: StandIn) -> None:
    results = iter([torch.zeros(1), torch.ones(1)])

    def work() -> torch.Tensor:
        cuda.note("work")
        return next(results)

    result, repeat = CudaCapture(SECOND)(work)
    stream = "stream of cuda:1"
    assert cuda.notes == [
        (f"{stream} waits for default",),
        ("work", SECOND, stream),
        (f"default waits for {stream}",),
        ("begin", SECOND, stream, "pool"),
        ("work", SECOND, stream),
        ("end", SECOND, stream, "pool"),
    ]
    assert result == torch.ones(1)
    repeat()
    assert cuda.notes[-1][0] == "replay"


def test_all_captures_share_one_pool_of_memory_and_one_stream(cuda: StandIn) -> None:
    capture = CudaCapture(SECOND)
    for _ in range(2):
        capture(lambda: torch.zeros(1))
    assert [note[-1] for note in cuda.notes if note[0] == "begin"] == ["pool", "pool"]
    assert cuda.streams == [SECOND]
