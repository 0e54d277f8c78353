"""uvicorn as a program runs it: where to listen, with which limits, and what to say about it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import uvicorn

from streaming.connection.listening import (
    ACCEPTS_AT_A_TIME,
    BACKLOG,
    PING_INTERVAL_SECONDS,
    PING_TIMEOUT_SECONDS,
    CannotListen,
    Listening,
)
from streaming.uvicorn.life import send_at_once

# What is still being answered when the server ends has as long as this.
GRACE_SECONDS = 3
TLS_HANDSHAKE_SECONDS = 15
# The head of a request; the settings' own limits, which answer in words, are below it.
MAX_HEAD_BYTES = 256 * 1024


class _Server(uvicorn.Server):
    """Says when it listens, and ends without passing on the signal that ended it."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None], *, has_passed_socket: bool) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self.has_passed_socket = has_passed_socket

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.is_ssl:
            # uvicorn leaves a client the minute that asyncio gives it.
            loop: Any = asyncio.get_running_loop()
            loop.create_server = partial(loop.create_server, ssl_handshake_timeout=TLS_HANDSHAKE_SECONDS)
        await super().startup(sockets)
        for listener in sockets or ():
            # asyncio has one number for this and for the connections that it accepts at a time.
            listener.listen(BACKLOG)
        if self.started:
            self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


def serve(application: Any, listening: Listening, on_listening: Callable[[], None]) -> None:
    """Until the process is told to end. Raises CannotListen."""
    with _listen(listening) as listener:
        is_passed = listening.descriptor is not None
        server = _Server(_config(application, listening), on_listening, has_passed_socket=is_passed)
        server.run(sockets=[listener])


def _config(application: Any, listening: Listening) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        # h11 bounds the head of a request, the faster parsers do not.
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="websockets-sansio",
        ws_max_size=listening.max_frame_bytes,
        ws_ping_interval=PING_INTERVAL_SECONDS,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
        # Audio in Base64 is not worth compressing, and compression costs memory for each connection.
        ws_per_message_deflate=False,
        backlog=ACCEPTS_AT_A_TIME,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=listening.behind_proxy,
        forwarded_allow_ips="*" if listening.behind_proxy else None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=str(listening.certificate) if listening.certificate else None,
        ssl_keyfile=str(listening.key) if listening.key else None,
    )


def _listen(listening: Listening) -> socket.socket:
    """Raises CannotListen."""
    if listening.descriptor is not None:
        return _adopt(listening.descriptor)
    host = listening.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, listening.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(error.strerror or str(error)) from None
    send_at_once(listener)
    return listener


def _adopt(descriptor: int) -> socket.socket:
    """Raises CannotListen."""
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise CannotListen(error.strerror or str(error)) from None
    send_at_once(listener)
    return listener
