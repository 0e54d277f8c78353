"""Makes daphne's `send` await the transport, and its close carry any code and a reason.

Stock daphne writes into a buffer without bound: a client that does not read costs all the audio that is made for it. Here
the coroutine that sends goes on only when the transport has room again, and the kernel's own buffer is kept small, so that
pongs do not wait behind a minute of audio. Responses over HTTP are sent in the same way.

Stock daphne hands close codes to a method that refuses all but 1000 and 3000-4999, and loses the reason.
"""

import asyncio
from functools import partial
from typing import Any

from autobahn.exception import Disconnected
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol

from streaming.connection.transport import ABORT_KEY, CLOSE_HANDSHAKE_SECONDS, LIMIT_KEY, limit_send_buffer


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
_plain_create_application = Server.create_application


def install() -> None:
    """From now on every daphne server in this process sends with flow control: `send` returns when the transport has room
    again. How long that may take is for the application to decide, which can end an HTTP connection through its scope."""

    async def handle_reply(server: Server, protocol: Any, message: dict[str, Any]) -> None:
        if isinstance(protocol, WebSocketProtocol):
            await _handle_socket_reply(server, protocol, message)
        else:
            await _handle_http_reply(server, protocol, message)

    def create_application(server: Server, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "http":
            scope[ABORT_KEY] = partial(_abort, protocol)
        scope[LIMIT_KEY] = partial(_limit_send_buffer, protocol)
        return _plain_create_application(server, protocol, scope)

    Server.handle_reply = handle_reply
    Server.create_application = create_application


async def _handle_socket_reply(server: Server, protocol: Any, message: dict[str, Any]) -> None:
    """A message marked "urgent" is the last word before a close and does not wait."""
    if message["type"] == "websocket.close" and protocol.state == protocol.STATE_OPEN:
        reason = message.get("reason", "").encode()
        protocol.sendCloseFrame(code=message.get("code", 1000), reasonUtf8=reason, isReply=False)
        return
    try:
        await _plain_handle_reply(server, protocol, message)
    except Disconnected:
        return  # the client is gone, and the application is about to be told
    if message["type"] == "websocket.accept":
        protocol.valve = _fit_valve(protocol)
    elif message["type"] == "websocket.send" and not message.get("urgent"):
        await protocol.valve.wait()


async def _handle_http_reply(server: Server, request: Any, message: dict[str, Any]) -> None:
    is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
    if is_last and request.producer:
        request.unregisterProducer()  # Twisted will not have one at the end
    await _plain_handle_reply(server, request, message)
    if is_last or request.finished or request.channel is None:
        return
    if message["type"] == "http.response.start":
        request.registerProducer(Valve(), True)
        return
    await request.producer.wait()


def _abort(request: Any) -> None:
    """Break off a response that cannot be completed: its client must not take what it has for the whole."""
    if not request.finished and request.channel is not None:
        request.channel.transport.abortConnection()


def _fit_valve(protocol: Any) -> Valve:
    valve, transport = Valve(), protocol.transport
    if protocol.state != protocol.STATE_OPEN:
        return valve  # the client left during the handshake
    # The HTTP channel of the upgrade is still registered there; it would stop *reading* when writing is slow.
    transport.unregisterProducer()
    transport.registerProducer(valve, True)
    protocol.closeHandshakeTimeout = CLOSE_HANDSHAKE_SECONDS
    return valve


def _limit_send_buffer(protocol: Any) -> None:
    """Of a request, or of a socket: they hold their transport in different places."""
    transport: Any = getattr(getattr(protocol, "channel", None) or protocol, "transport", None)
    while hasattr(transport, "wrappedProtocol"):  # TLS around the TCP transport
        transport = transport.transport
    limit_send_buffer(getattr(transport, "socket", None))
