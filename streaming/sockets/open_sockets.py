"""The sockets that are open in this server process: those whose client may speak, and strangers, who have not said yet who
they are. Strangers have a room of their own, so that no number of them keeps a client with a key out.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from streaming.connection.addresses import network_of
from streaming.connection.capacity import Capacity
from streaming.connection.waiting_room import WaitingRoom
from streaming.errors import Fault


class Socket(Protocol):
    def leave(self) -> None:
        """End as soon as no turn runs. Returns at once."""

    async def say_goodbye(self) -> None:
        """Tell the client that the server shuts down, and wait a moment until it has heard that."""


class OpenSockets:
    """`is_leaving`: those that are open, and those that still come, are to leave when their turns are over. `refusal`: what
    those are told that come and are not let in."""

    def __init__(self, capacity: Capacity) -> None:
        self._most = capacity.sockets
        self._all: set[Socket] = set()
        self._known: set[Socket] = set()
        self._strangers = WaitingRoom(capacity.strangers)
        # Those that have not been refused, while all are leaving.
        self._remaining: set[Socket] = set()
        self._have_left = asyncio.Event()
        self.is_leaving = False
        self.refusal: Fault | None = None

    def __len__(self) -> int:
        return len(self._all)

    @property
    def strangers(self) -> int:
        """Those whose client has not said who it is."""
        return len(self._strangers)

    @property
    def remaining(self) -> int:
        """How many have not left yet that were not refused."""
        return len(self._remaining)

    def arrive(self, socket: Socket, address: str, dismiss: Callable[[], object]) -> None:
        """A stranger. `dismiss` is called if it has to make room for others."""
        self._all.add(socket)
        if self.is_leaving and not self.refusal:
            self._remaining.add(socket)
        self._strangers.enter(socket, network_of(address), dismiss)

    def let_in(self, socket: Socket) -> bool:
        """It is known who it is. False if there is no room left: it stays among the strangers until it has left."""
        if socket in self._known:
            return True
        if len(self._known) >= self._most:
            return False
        self._strangers.leave(socket)
        self._known.add(socket)
        return True

    def discard(self, socket: Socket) -> None:
        self._all.discard(socket)
        self._known.discard(socket)
        self._remaining.discard(socket)
        self._strangers.leave(socket)
        self._note_departures()

    def leave(self, refusal: Fault | None) -> None:
        """The server is about to end: all leave when their turns are over. `refusal`: what others are told that come; None
        if they may come and leave in the same way."""
        self.is_leaving, self.refusal = True, refusal
        self._remaining = set(self._all)
        for socket in self._remaining:
            socket.leave()
        self._note_departures()

    async def have_left(self) -> None:
        """Wait until all that were not refused are gone."""
        await self._have_left.wait()

    async def say_goodbye_to_all(self) -> None:
        """One that fails does not keep the others from hearing it."""
        await asyncio.gather(*(socket.say_goodbye() for socket in list(self._all)), return_exceptions=True)

    def _note_departures(self) -> None:
        if self.is_leaving and not self._remaining:
            self._have_left.set()
        else:
            self._have_left.clear()
