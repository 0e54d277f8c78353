"""How late an event loop is."""

import asyncio
from typing import Self

INTERVAL = 0.005


class LoopLag:
    """Within `async with`, sleeps 5 ms again and again and notes how much later than that it woke up, in seconds."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            asleep = clock()
            await asyncio.sleep(INTERVAL)
            self.lags.append(clock() - asleep - INTERVAL)
