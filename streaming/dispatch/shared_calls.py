"""Callers that ask for the same result at the same time share one computation."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class _Call(Generic[Result]):
    def __init__(self, task: "asyncio.Task[Result]") -> None:
        self.task = task
        self.callers = 0


class SharedCalls(Generic[Result]):
    """Computations in progress by key. A computation is cancelled when nobody waits for it any more."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[Result]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    async def get(self, key: Hashable, compute: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of `compute`, begun here or by an earlier caller who still waits. Raises what it raises."""
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(asyncio.create_task(compute()))
        call.callers += 1
        try:
            # Shielded: a caller that leaves must not take the computation from the others.
            return await asyncio.shield(call.task)
        finally:
            call.callers -= 1
            if call.callers == 0:
                del self._calls[key]
                call.task.cancel()
