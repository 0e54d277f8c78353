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

# How long a connection may wait for its next request when the server is about to end.
LAST_REQUEST_SECONDS = 2.0
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
    end: Callable[[], None]
    # Of a body that comes in chunks.
    bytes: int = 0
    line_ends: int = 0


class Door:
    """`most`: how many connections may wait for their request, and `most_answers` for their answer. One that takes too long,
    or has to leave, is closed by the function that came with it. `is_closing`: the server is about to end."""

    def __init__(self, most: int, most_answers: int, *, head_seconds: float, body_seconds: float) -> None:
        requests = WaitingRoom(most)
        self._rooms = {Part.HEAD: requests, Part.BODY: requests, Part.ANSWER: WaitingRoom(most_answers)}
        self._seconds = {Part.HEAD: head_seconds, Part.BODY: body_seconds}
        self._waits: dict[Any, _Wait] = {}
        self._open: set[Any] = set()
        # Those that were open when all were told to leave.
        self._remaining: set[Any] = set()
        self._have_left = asyncio.Event()
        self.is_closing = False

    @property
    def remaining(self) -> int:
        """How many have not left yet of those that were open when all were told to."""
        return len(self._remaining)

    def wait(self, connection: Any, part: Part, address: str, close: Callable[[], object]) -> None:
        """The connection waits for this part. Its deadline does not move until something else is waited for."""
        known = self._waits.get(connection)
        if known and known.part is part:
            return
        self.leave(connection)
        self._open.add(connection)

        def end() -> None:
            self.leave(connection)
            close()

        seconds = self._seconds.get(part)
        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, end)
        self._waits[connection] = _Wait(part, timer, end)
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
        """It waits for nothing any more."""
        if wait := self._waits.pop(connection, None):
            self._rooms[wait.part].leave(connection)
            if wait.timer:
                wait.timer.cancel()

    def lost(self, connection: Any) -> None:
        """It is gone, or is a socket by now."""
        self.leave(connection)
        self._open.discard(connection)
        self._remaining.discard(connection)
        self._note_departures()

    def close(self) -> None:
        """The server is about to end: connections wait for a request only as long as one takes that is on its way."""
        self.is_closing = True
        self._seconds[Part.HEAD] = min(self._seconds[Part.HEAD], LAST_REQUEST_SECONDS)
        self._remaining = set(self._open)
        loop = asyncio.get_running_loop()
        for connection, wait in self._waits.items():
            if wait.part is Part.HEAD:
                loop.call_later(LAST_REQUEST_SECONDS, self._end_if_waiting, connection, wait)
        self._note_departures()

    async def have_left(self) -> None:
        """Wait until all are gone that were open."""
        await self._have_left.wait()

    def _end_if_waiting(self, connection: Any, wait: _Wait) -> None:
        if self._waits.get(connection) is wait:
            wait.end()

    def _note_departures(self) -> None:
        if self.is_closing and not self._remaining:
            self._have_left.set()
