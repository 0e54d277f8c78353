"""A socket's messages, no faster than the settings allow: what comes faster is read later, so none is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.access.rates import Rates

# A whole text may come at once, word by word: as much as in so many seconds.
BURST_SECONDS = 10.0


class Inbox:
    """`receive`: the server's. `is_gone`: whether the client has left, although what it sent before waits here. Nothing is
    gained by being slow then."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[Any]],
        *,
        max_per_second: float,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        self._receive = receive
        self._cost = 1 / max_per_second
        self._is_gone = is_gone
        self._rates = Rates()

    async def receive(self) -> Any:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            await self._wait_for_turn()
        return message

    async def _wait_for_turn(self) -> None:
        now = asyncio.get_running_loop().time
        while wait := self._rates.take(None, self._cost, window=BURST_SECONDS, now=now()):
            if self._is_gone():
                return
            await asyncio.sleep(wait)
