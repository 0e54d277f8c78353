"""The sockets that are open in this server process."""

import asyncio
from typing import Protocol


class Socket(Protocol):
    async def say_goodbye(self) -> None:
        """Tell the client that the server shuts down, and wait a moment until it has heard that."""


class OpenSockets:
    def __init__(self) -> None:
        self._sockets: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: Socket) -> None:
        self._sockets.add(socket)

    def discard(self, socket: Socket) -> None:
        self._sockets.discard(socket)

    async def say_goodbye_to_all(self) -> None:
        """One that fails does not keep the others from hearing it."""
        await asyncio.gather(*(socket.say_goodbye() for socket in list(self._sockets)), return_exceptions=True)
