"""A few at a time, and the addresses take turns, so that a client with a thousand requests delays others by only a few."""

import asyncio
from collections import OrderedDict, deque


class Turnstile:
    """At most `most` are inside. Belongs to the event loop."""

    def __init__(self, most: int) -> None:
        self._places = most
        # By address, the next one's first.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def enter_now(self) -> bool:
        """Whether there was a place, which is taken now."""
        if not self._places:
            return False
        self._places -= 1
        return True

    async def enter(self, address: str) -> None:
        """Wait until it is this address's turn."""
        if self.enter_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(address, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # it was let in at the moment when it left
            raise

    def leave(self) -> None:
        """Somebody who had entered is not inside any more: the next one may come."""
        while self._lines:
            address, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[address] = line  # behind all others
            if not turn.done():  # who has gone waits no more
                turn.set_result(None)
                return
        self._places += 1
