"""What PyTorch is told to compute, one entry for each operation that a GPU would launch."""

from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

# A constant becomes a tensor, or leaves the graph of gradients: nothing is computed.
_FREE = ("aten.lift_fresh.default", "aten.detach.default", "aten.detach_.default")


class Launches(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types for it
    """Use as `with`, outside of inference mode, in which several operations appear as one."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self.names.total()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view and func.namespace == "aten" and str(func) not in _FREE:
            self.names[str(func)] += 1
        return result
