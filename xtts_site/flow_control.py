"""Makes daphne's `send` await the transport.

Stock daphne writes into a buffer without bound: a client that does not read costs all the audio that is made for it. Here
the coroutine that sends goes on only when the transport has room again, and the kernel's own buffer is kept small, so that
pongs are not stuck behind a minute of audio.
"""

import asyncio
import logging
import socket
from typing import Any

from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol

logger = logging.getLogger("xtts_site.flow_control")

# The kernel doubles what it is asked for. A few seconds of PCM, and at 100 ms of round trip still over 1 MB/s.
SEND_BUFFER_BYTES = 65_536


class Valve:
    """Twisted's push producer, reduced to a gate: the transport closes it when its buffer is full and opens it when
    everything has gone out, or the connection has. The names of its last three methods are Twisted's."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    async def wait(self) -> None:
        await self._open.wait()

    def pauseProducing(self) -> None:
        self._open.clear()

    def resumeProducing(self) -> None:
        self._open.set()

    def stopProducing(self) -> None:
        self._open.set()


_plain_handle_reply = Server.handle_reply


def install() -> None:
    """From now on every daphne server in this process sends with flow control."""
    Server.handle_reply = _handle_reply


async def _handle_reply(server: Server, protocol: Any, message: dict[str, Any]) -> None:
    """A message marked "urgent" is the last word before a close and does not wait."""
    await _plain_handle_reply(server, protocol, message)
    if not isinstance(protocol, WebSocketProtocol):
        return
    if message["type"] == "websocket.accept":
        protocol.valve = _fit_valve(protocol)
    elif message["type"] == "websocket.send" and not message.get("urgent"):
        await protocol.valve.wait()


def _fit_valve(protocol: Any) -> Valve:
    valve, transport = Valve(), protocol.transport
    # The HTTP channel of the upgrade is still registered there; it would stop *reading* when writing is slow.
    transport.unregisterProducer()
    transport.registerProducer(valve, True)
    _limit_send_buffer(transport)
    return valve


def _limit_send_buffer(transport: Any) -> None:
    while hasattr(transport, "wrappedProtocol"):  # TLS around the TCP transport
        transport = transport.transport
    handle = transport.getHandle()
    if isinstance(handle, socket.socket):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
