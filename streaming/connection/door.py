"""Connections over HTTP: how many may wait for the rest of their request, or for its answer, and for how long.

A server reads heads and bodies by itself and gives a slow client all the time that it wants. Here a head and a body have a
deadline each, however busily the bytes trickle, and those who wait share a room (see `WaitingRoom`). Those that are being
answered have another one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from streaming.connection.addresses import network_of
from streaming.connection.waiting_room import WaitingRoom

# On the average. Each chunk has two ends of a line.
LEAST_BYTES_OF_A_LINE = 16
FREE_BYTES = 65_536


class Part(Enum):
    """What is waited for. Between two requests it is the head of the next one."""

    HEAD = auto()
    BODY = auto()
    ANSWER = auto()


@dataclass(slots=True)
class _Wait:
    part: Part
    timer: asyncio.TimerHandle | None
    # Of a body that comes in chunks.
    bytes: int = 0
    line_ends: int = 0


class Door:
    """`most`: how many connections may wait for their request, and `most_answers` for their answer. One that takes too long,
    or has to leave, is closed by the function that came with it."""

    def __init__(self, most: int, most_answers: int, *, head_seconds: float, body_seconds: float) -> None:
        requests = WaitingRoom(most)
        self._rooms = {Part.HEAD: requests, Part.BODY: requests, Part.ANSWER: WaitingRoom(most_answers)}
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

        seconds = self._seconds.get(part)
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, end)
        self._waits[connection] = _Wait(part, timer)
        self._rooms[part].enter(connection, network_of(address), end)

    def has_tiny_chunks(self, connection: Any, data: bytes) -> bool:
        """Whether a body that comes in chunks, with this much more of it, costs more to take apart than it is worth."""
        wait = self._waits.get(connection)
        if wait is None or wait.part is not Part.BODY:
            return False
        wait.bytes += len(data)
        wait.line_ends += data.count(b"\r\n")
        return wait.line_ends * LEAST_BYTES_OF_A_LINE > wait.bytes + FREE_BYTES

    def leave(self, connection: Any) -> None:
        """It waits for nothing any more, or is gone."""
        if wait := self._waits.pop(connection, None):
            self._rooms[wait.part].leave(connection)
            if wait.timer:
                wait.timer.cancel()
