"""What uvicorn lacks for speech: the last word before a close that does not wait for a client that does not read, an end for
connections whose client never takes leave, a goodbye to every session before the sockets are closed, and a short way for a
packet.

uvicorn's `send` waits until the transport has room, and its `receive` stops reading meanwhile: neither is changed.
"""

import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11
from websockets.protocol import State

from streaming.connection.frames import text_frame
from streaming.connection.transport import (
    ABORT_KEY,
    CLOSE_HANDSHAKE_SECONDS,
    GONE_KEY,
    LIMIT_KEY,
    SEND_NOW_KEY,
    limit_send_buffer,
)
from streaming.uvicorn.intake import has_accepted, limit_intake

logger = logging.getLogger("streaming.uvicorn")

_plain_run = WebSocketsSansIOProtocol.run_asgi
_plain_send = WebSocketsSansIOProtocol.send
_plain_data_received = WebSocketsSansIOProtocol.data_received
_plain_lost = WebSocketsSansIOProtocol.connection_lost
_plain_shutdown = uvicorn.Server.shutdown
# The longest line in the head of a handshake. uvicorn's HTTP parser has bounded the head before; our limits are smaller.
MAX_LINE_BYTES = 256 * 1024
# Those of uvicorn's two ways to speak HTTP that this process uses.
_CYCLES = [
    sys.modules[name].RequestResponseCycle
    for name in ("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl")
    if name in sys.modules
]
_plain_cycles = {cycle: cycle.run_asgi for cycle in _CYCLES}


def install(say_goodbye: Callable[[], Awaitable[None]]) -> None:
    """From now on every uvicorn server in this process does these things; `say_goodbye` is awaited before one closes its
    sockets."""

    async def shutdown(server: uvicorn.Server, sockets: Any = None) -> None:
        logger.info("Shutting down")
        try:
            await say_goodbye()
        finally:
            await _plain_shutdown(server, sockets)

    _set(uvicorn.Server, "shutdown", shutdown)
    http11.MAX_LINE_LENGTH = MAX_LINE_BYTES
    _set(WebSocketsSansIOProtocol, "data_received", _receive)
    _set(WebSocketsSansIOProtocol, "connection_lost", _lose)
    _set(WebSocketsSansIOProtocol, "run_asgi", _run_socket)
    _set(WebSocketsSansIOProtocol, "send", _send)
    for cycle in _CYCLES:
        _set(cycle, "run_asgi", _run_request)


def _set(kind: type, name: str, function: Any) -> None:
    setattr(kind, name, function)


def _receive(protocol: WebSocketsSansIOProtocol, data: bytes) -> None:
    """A handshake that the websockets library refuses by itself, for too many headers say: uvicorn would never send its
    answer, and leave the connection open."""
    _plain_data_received(protocol, data)
    if protocol.conn.handshake_exc is not None and not protocol.handshake_initiated:
        protocol.transport.write(b"".join(protocol.conn.data_to_send()))
        protocol.transport.close()


async def _run_socket(protocol: WebSocketsSansIOProtocol) -> None:
    scope = cast(Any, protocol.scope)
    scope[ABORT_KEY] = protocol.transport.abort
    scope[LIMIT_KEY] = partial(_limit_socket, protocol)
    scope[GONE_KEY] = lambda: protocol.disconnected or (protocol.transport.is_closing() and not protocol.close_sent)
    scope[SEND_NOW_KEY] = partial(_send_now, protocol)
    protocol.close_timeout = CLOSE_HANDSHAKE_SECONDS
    try:
        await _plain_run(protocol)
    finally:
        # They refer to the protocol, which refers to its scope.
        for key in (ABORT_KEY, LIMIT_KEY, GONE_KEY, SEND_NOW_KEY):
            scope.pop(key, None)


async def _send(protocol: WebSocketsSansIOProtocol, message: Any) -> None:
    """A message marked "urgent" is the last word before a close. Neither waits for the client to read."""
    await _send_at_once(protocol, message)
    if message["type"] == "websocket.accept":
        has_accepted(protocol)
    if message["type"] == "websocket.close" and not protocol.disconnected:
        # uvicorn closes the transport in the end, which waits for ever for a client that does not read.
        abort = protocol.transport.abort
        cast(Any, protocol).last_resort = protocol.loop.call_later(CLOSE_HANDSHAKE_SECONDS + 1, abort)


def _lose(protocol: WebSocketsSansIOProtocol, error: Exception | None) -> None:
    """The timer of the last resort would keep the connection, with all that belongs to it, in memory until it is due."""
    if last_resort := getattr(protocol, "last_resort", None):
        last_resort.cancel()
    _plain_lost(protocol, error)


def _send_now(protocol: WebSocketsSansIOProtocol, text: str) -> bool:
    """What uvicorn's `send` and the websockets library do for a text, where nothing has to be waited for or compressed."""
    if not protocol.writable.is_set() or protocol.conn.state is not State.OPEN or protocol.conn.extensions:
        return False
    protocol.transport.write(text_frame(text))
    return True


def _limit_socket(protocol: WebSocketsSansIOProtocol) -> None:
    limit_send_buffer(protocol.transport.get_extra_info("socket"))
    limit_intake(protocol)


async def _send_at_once(protocol: WebSocketsSansIOProtocol, message: Any) -> None:
    is_close = message["type"] == "websocket.close"
    if protocol.writable.is_set() or not (is_close or message.get("urgent")):
        await _plain_send(protocol, message)
    else:
        # The original waits for this event and for nothing else.
        protocol.writable.set()
        try:
            await _plain_send(protocol, message)
        finally:
            protocol.writable.clear()


async def _run_request(cycle: Any, app: Any) -> None:
    cycle.scope[ABORT_KEY] = cycle.transport.abort
    cycle.scope[LIMIT_KEY] = partial(limit_send_buffer, cycle.transport.get_extra_info("socket"))
    await _plain_cycles[type(cycle)](cycle, app)
