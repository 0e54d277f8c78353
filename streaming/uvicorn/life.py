"""The life of a server process on uvicorn: its listening sockets, and when others listen at them too."""

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

from streaming.connection.listening import BACKLOG, Listener

_plain_startup = uvicorn.Server.startup


def when_uvicorn_serves(serve: Callable[[Listener], None]) -> None:
    """From now on every uvicorn server in this process calls `serve` when it has started. It does not accept anybody on a
    passed socket before it is told to."""

    async def startup(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        listener = _Sockets(server, sockets or [])
        loop: Any = asyncio.get_running_loop()
        plain_create = loop.create_server
        if listener.is_passed:
            loop.create_server = partial(plain_create, start_serving=False)
        try:
            await _plain_startup(server, sockets)
        finally:
            loop.create_server = plain_create
        if server.started:
            serve(listener)

    kind: Any = uvicorn.Server
    kind.startup = startup


class _Sockets:
    """The `Listener` of a uvicorn server. `given`: what it was started with."""

    def __init__(self, server: uvicorn.Server, given: list[socket.socket]) -> None:
        self._server = server
        self._given = given
        self._starting: asyncio.Task[None] | None = None
        descriptor = server.config.fd
        self.is_passed = descriptor is not None or getattr(server, "has_passed_socket", False)
        if descriptor is not None:
            with socket.socket(fileno=os.dup(descriptor)) as listener:
                send_at_once(listener)

    def accept(self) -> None:
        self._starting = asyncio.create_task(self._start())

    def stop_accepting(self) -> None:
        if self._starting:
            self._starting.cancel()
        for each in self._server.servers:
            each.close()

    async def _start(self) -> None:
        for each in self._server.servers:
            await each.start_serving()
        for listener in self._given:
            listener.listen(BACKLOG)  # asyncio has just made it as short as what it accepts at a time


def send_at_once(listener: socket.socket) -> None:
    """Connections inherit TCP_NODELAY. asyncio sets it only on sockets that name their protocol, which ours do not, nor do
    those that uvicorn is passed; every second packet would then wait up to 40 ms for the client's acknowledgement of the
    first."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
