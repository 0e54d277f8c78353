"""Deadlines and a bounded room for connections to uvicorn whose request is not complete (`streaming.connection.door`)."""

import sys
from collections.abc import Callable
from typing import Any

from streaming.connection.door import Door, Part
from streaming.connection.paths import path_info_of

# How long a connection that is closed may take to send what is left.
CLOSE_SECONDS = 5.0
# Those of uvicorn's two ways to speak HTTP that this process uses.
_PROTOCOLS: list[Any] = [
    getattr(sys.modules[module], name)
    for module, name in (
        ("uvicorn.protocols.http.h11_impl", "H11Protocol"),
        ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"),
    )
    if module in sys.modules
]


def install(door: Door, covers: Callable[[str], bool]) -> None:
    """From now on every connection to a uvicorn server in this process passes this door. `covers`: the paths that bodies
    have a deadline for."""

    def look(protocol: Any) -> None:
        _look(door, covers, protocol)

    for kind in _PROTOCOLS:
        _install(kind, door, look)


def _install(kind: Any, door: Door, look: Callable[[Any], None]) -> None:
    plain_made, plain_received, plain_lost = kind.connection_made, kind.data_received, kind.connection_lost
    plain_complete = kind.on_response_complete

    def connection_made(protocol: Any, transport: Any) -> None:
        plain_made(protocol, transport)
        look(protocol)

    def data_received(protocol: Any, data: bytes) -> None:
        plain_received(protocol, data)
        look(protocol)

    def on_response_complete(protocol: Any) -> None:
        plain_complete(protocol)
        look(protocol)

    def connection_lost(protocol: Any, error: Exception | None) -> None:
        door.leave(protocol)
        plain_lost(protocol, error)

    kind.connection_made, kind.data_received = connection_made, data_received
    kind.on_response_complete, kind.connection_lost = on_response_complete, connection_lost


def _look(door: Door, covers: Callable[[str], bool], protocol: Any) -> None:
    """What does the connection wait for?"""
    transport, cycle = protocol.transport, protocol.cycle
    if transport.is_closing() or transport.get_protocol() is not protocol:  # closed, or a socket by now
        door.leave(protocol)
    elif cycle is None or cycle.response_complete:
        _wait(door, protocol, Part.HEAD)
    elif cycle.more_body and covers(path_info_of(cycle.scope)):
        _wait(door, protocol, Part.BODY)
    else:
        door.leave(protocol)


def _wait(door: Door, protocol: Any, part: Part) -> None:
    address = protocol.client[0] if protocol.client else ""
    door.wait(protocol, part, address, lambda: _close(protocol))


def _close(protocol: Any) -> None:
    protocol.transport.close()
    protocol.loop.call_later(CLOSE_SECONDS, protocol.transport.abort)
