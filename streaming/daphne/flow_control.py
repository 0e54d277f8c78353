"""Makes daphne's `send` await the transport, and its close carry any code and a reason.

Stock daphne writes into a buffer without bound: a client that does not read costs all the audio that is made for it. Here
the coroutine that sends goes on only when the transport has room again, and the kernel's own buffer is kept small, so that
pongs do not wait behind a minute of audio. Responses over HTTP are sent in the same way.

Twisted waits for the reactor's next round before it writes, and asks the kernel to be told when it may: two more system
calls for each packet. Here what fits into the kernel's buffer is written at once.

Stock daphne hands close codes to a method that refuses all but 1000 and 3000-4999, and loses the reason.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from autobahn.exception import Disconnected
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp

from streaming.connection.frames import text_frame
from streaming.connection.listening import PING_TIMEOUT_SECONDS
from streaming.connection.transport import (
    ABORT_KEY,
    CHECKED_KEY,
    CLOSE_HANDSHAKE_SECONDS,
    GONE_KEY,
    LIMIT_KEY,
    SEND_NOW_KEY,
    limit_send_buffer,
)
from streaming.daphne.intake import limit_intake


class Valve:
    """Twisted's push producer, reduced to a gate: the transport closes it when its buffer is full and opens it when
    everything has gone out, or the connection has. The names of its last three methods are Twisted's.

    `on_stall` is called when it has been closed for PING_TIMEOUT_SECONDS: pings do not show who reads nothing, as daphne
    sends none to a client that is heard of.
    """

    def __init__(self, on_stall: Callable[[], object] | None = None) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._on_stall = on_stall
        self._stall: asyncio.TimerHandle | None = None
        self._when_open: Callable[[], object] | None = None

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    async def wait(self) -> None:
        await self._open.wait()

    def when_open(self, callback: Callable[[], object]) -> None:
        """Call it, instead of what was to be called before, when a closed valve has been opened."""
        self._when_open = callback

    def pauseProducing(self) -> None:
        self._open.clear()
        if self._on_stall and self._stall is None:
            loop = asyncio.get_running_loop()
            self._stall = loop.call_later(PING_TIMEOUT_SECONDS, self._on_stall)

    def resumeProducing(self) -> None:
        self.stopProducing()
        callback, self._when_open = self._when_open, None
        if callback:
            callback()

    def stopProducing(self) -> None:
        self._open.set()
        if self._stall:
            self._stall.cancel()
            self._stall = None


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
            scope[CHECKED_KEY] = getattr(protocol, "is_limited", False)
        else:
            scope[ABORT_KEY] = protocol.transport.abortConnection
            scope[GONE_KEY] = lambda: protocol.state == protocol.STATE_CLOSED
            scope[LIMIT_KEY] = partial(_limit_socket, protocol)
            scope[SEND_NOW_KEY] = partial(_send_now, protocol)
        return _plain_create_application(server, protocol, scope)

    Server.handle_reply = handle_reply
    Server.create_application = create_application


async def _handle_socket_reply(server: Server, protocol: Any, message: dict[str, Any]) -> None:
    """A message marked "urgent" is the last word before a close and does not wait."""
    if message["type"] == "websocket.close" and protocol.state == protocol.STATE_OPEN:
        reason = message.get("reason", "").encode()
        protocol.sendCloseFrame(code=message.get("code", 1000), reasonUtf8=reason, isReply=False)
        _write_now(protocol.transport)
        return
    try:
        if message["type"] == "websocket.accept" and message.get("headers"):
            message = message | {"subprotocol": _with_headers(message)}
        await _plain_handle_reply(server, protocol, message)
    except Disconnected:
        return  # the client is gone, and the application is about to be told
    if message["type"] == "websocket.accept":
        protocol.valve = _fit_valve(protocol)
        if intake := getattr(protocol, "intake", None):
            intake.accept()
    elif message["type"] == "websocket.send" and not message.get("urgent"):
        await protocol.valve.wait()


def _with_headers(message: dict[str, Any]) -> tuple[str | None, dict[str, str]]:
    """daphne drops the headers, and passes the protocol on to autobahn, which takes it with headers too."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
    return message.get("subprotocol"), headers


async def _handle_http_reply(server: Server, request: Any, message: dict[str, Any]) -> None:
    is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
    if is_last and request.producer and request.channel is not None:
        request.unregisterProducer()  # Twisted will not have one at the end
    await _plain_handle_reply(server, request, message)
    if is_last or request.finished or request.channel is None:
        return
    if message["type"] == "http.response.start":
        request.registerProducer(Valve(on_stall=partial(_abort, request)), True)
        return
    await request.producer.wait()


def _write_now(transport: Any) -> None:
    """What waits for the reactor's next round. Texts do not wait for it: a client that has read the last one may close the
    connection, and autobahn, which has sent a close frame by its own account, then drops it with the frame in the buffer."""
    is_plain = isinstance(transport, tcp.Connection)
    if is_plain and transport.connected and not transport.disconnecting:
        transport.doWrite()  # an error will be met again, and handled then


def _send_now(protocol: Any, text: str) -> bool:
    """What daphne, autobahn and Twisted do for a text, where nothing has to be waited for or compressed."""
    valve = getattr(protocol, "valve", None)
    if valve is None or not valve.is_open or protocol.state != protocol.STATE_OPEN or protocol._perMessageCompress:
        return False
    transport, frame = protocol.transport, text_frame(text)
    # A transport with TLS has its own buffers. What waits already goes first.
    is_plain = isinstance(transport, tcp.Connection) and transport.connected
    if is_plain and not (transport.dataBuffer or transport._tempDataBuffer):
        written = transport.writeSomeData(frame)
        frame = frame[written:] if isinstance(written, int) else frame  # an error will be met again, and handled then
    if frame:
        transport.write(frame)
    return True


def _abort(request: Any) -> None:
    """Break off a response that cannot be completed: its client must not take what it has for the whole."""
    if not request.finished and request.channel is not None:
        request.channel.transport.abortConnection()


def _fit_valve(protocol: Any) -> Valve:
    transport = protocol.transport
    valve = Valve(on_stall=transport.abortConnection)
    if protocol.state != protocol.STATE_OPEN:
        return valve  # the client left during the handshake
    # The HTTP channel of the upgrade is still registered there; it would stop *reading* when writing is slow.
    transport.unregisterProducer()
    transport.registerProducer(valve, True)
    protocol.closeHandshakeTimeout = CLOSE_HANDSHAKE_SECONDS
    return valve


def _limit_socket(protocol: Any) -> None:
    _limit_send_buffer(protocol)
    limit_intake(protocol)


def _limit_send_buffer(protocol: Any) -> None:
    """Of a request, or of a socket: they hold their transport in different places."""
    transport: Any = getattr(getattr(protocol, "channel", None) or protocol, "transport", None)
    while hasattr(transport, "wrappedProtocol"):  # TLS around the TCP transport
        transport = transport.transport
    limit_send_buffer(getattr(transport, "socket", None))
