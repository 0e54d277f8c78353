"""The sockets that are open in this server process: those whose client may speak, and strangers, who have not said yet who
they are. Strangers have a room of their own, so that no number of them keeps a client with a key out.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from streaming.connection.addresses import network_of
from streaming.connection.capacity import Capacity
from streaming.connection.waiting_room import WaitingRoom


class Socket(Protocol):
    async def say_goodbye(self) -> None:
        """Tell the client that the server shuts down, and wait a moment until it has heard that."""


class OpenSockets:
    def __init__(self, capacity: Capacity) -> None:
        self._most = capacity.sockets
        self._all: set[Socket] = set()
        self._known: set[Socket] = set()
        self._strangers = WaitingRoom(capacity.strangers)

    def __len__(self) -> int:
        return len(self._all)

    def arrive(self, socket: Socket, address: str, dismiss: Callable[[], object]) -> None:
        """A stranger. `dismiss` is called if it has to make room for others."""
        self._all.add(socket)
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
        self._strangers.leave(socket)

    async def say_goodbye_to_all(self) -> None:
        """One that fails does not keep the others from hearing it."""
        await asyncio.gather(*(socket.say_goodbye() for socket in list(self._all)), return_exceptions=True)
