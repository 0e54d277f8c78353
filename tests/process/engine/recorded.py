"""A stand-in for CUDA graphs on a CPU: the operations of some work are recorded once and repeated on the same tensors.

As with a graph, what Python computed is fixed at that moment, and what is repeated reads and writes the memory that it used
then.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

Operation = tuple[Any, tuple[Any, ...], dict[str, Any], Any]


class _Recording(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types for it
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, result))
        return result


class Recorder:
    """See `streaming.engine.gpt.cuda_graphs.Capture`. `repeats`: how often anything was repeated."""

    def __init__(self) -> None:
        self.captures = self.repeats = 0

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        self.captures += 1
        work()  # once beforehand, as for CUDA
        recording = _Recording()
        with recording:
            result = work()
        # What is captured is not run: nobody may count on what it gave.
        result.fill_(float("nan") if result.is_floating_point() else -(2**63))

        def repeat() -> None:
            self.repeats += 1
            for operation in recording.operations:
                _repeat(*operation)

        return result, repeat


def _repeat(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], first_result: Any) -> None:
    """Into the memory of the first result; views and what changes its own arguments write there anyway."""
    again = func(*args, **kwargs)
    for old, new in zip(tree_flatten(first_result)[0], tree_flatten(again)[0], strict=True):
        if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
            old.copy_(new)
