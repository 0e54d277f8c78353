"""Connections whose request is not complete yet: how many may wait, and for how long.

A server reads heads and bodies by itself and gives a slow client all the time that it wants. Here a head and a body have a
deadline each, however busily the bytes trickle, and those who wait share a room (see `WaitingRoom`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from streaming.connection.addresses import network_of
from streaming.connection.waiting_room import WaitingRoom


class Part(Enum):
    """What is still missing of a request. Between two requests it is the head of the next one."""

    HEAD = auto()
    BODY = auto()


@dataclass(slots=True)
class _Wait:
    part: Part
    timer: asyncio.TimerHandle


class Door:
    """`most`: how many connections may wait. One that takes too long, or has to leave, is closed by the function that came
    with it."""

    def __init__(self, most: int, *, head_seconds: float, body_seconds: float) -> None:
        self._room = WaitingRoom(most)
        self._seconds = {Part.HEAD: head_seconds, Part.BODY: body_seconds}
        self._waits: dict[Any, _Wait] = {}

    def wait(self, connection: Any, part: Part, address: str, close: Callable[[], object]) -> None:
        """The connection waits for this part. Its deadline does not move until something else is waited for."""
        known = self._waits.get(connection)
        if known and known.part is part:
            return
        self.leave(connection)

        def end() -> None:
            self.leave(connection)
            close()

        timer = asyncio.get_running_loop().call_later(self._seconds[part], end)
        self._waits[connection] = _Wait(part, timer)
        self._room.enter(connection, network_of(address), end)

    def leave(self, connection: Any) -> None:
        """Its request is complete, or it is gone."""
        self._room.leave(connection)
        if wait := self._waits.pop(connection, None):
            wait.timer.cancel()
