"""Deadlines and bounded rooms for connections to uvicorn (`streaming.connection.door`), and an end for those who do not read
their answer.
"""

import sys
from collections.abc import Callable
from typing import Any

from streaming.connection.door import Door, Part
from streaming.connection.listening import PING_TIMEOUT_SECONDS
from streaming.connection.paths import path_info_of

# How long a connection that is closed may take to send what is left.
CLOSE_SECONDS = 5.0
# What asyncio reads at once is taken apart at once: in a quarter of a megabyte there may be tens of thousands of chunks.
READ_BYTES = 16_384
# Those of uvicorn's two ways to speak HTTP that this process uses.
_PROTOCOLS: list[Any] = [
    getattr(sys.modules[module], name)
    for module, name in (
        ("uvicorn.protocols.http.h11_impl", "H11Protocol"),
        ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"),
    )
    if module in sys.modules
]


def install(door: Door, covers: Callable[[str], bool], *, owns_server: bool) -> None:
    """From now on every connection to a uvicorn server in this process passes this door. `covers`: the paths that bodies
    have a deadline for. `owns_server`: all answers are ours."""

    def look(protocol: Any) -> None:
        _look(door, covers, owns_server, protocol)

    for kind in _PROTOCOLS:
        _install(kind, door, look)
        _end_stalls(kind)


def _install(kind: Any, door: Door, look: Callable[[Any], None]) -> None:
    plain_made, plain_received, plain_lost = kind.connection_made, kind.data_received, kind.connection_lost
    plain_complete = kind.on_response_complete

    def connection_made(protocol: Any, transport: Any) -> None:
        plain_made(protocol, transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES  # asyncio's own name
        look(protocol)

    def data_received(protocol: Any, data: bytes) -> None:
        if _is_chunked(protocol) and door.has_tiny_chunks(protocol, data):
            protocol.transport.abort()
            return
        plain_received(protocol, data)
        look(protocol)

    def on_response_complete(protocol: Any) -> None:
        plain_complete(protocol)
        look(protocol)

    def connection_lost(protocol: Any, error: Exception | None) -> None:
        door.lost(protocol)
        _cancel(protocol, "ending")
        plain_lost(protocol, error)

    kind.connection_made, kind.data_received = connection_made, data_received
    kind.on_response_complete, kind.connection_lost = on_response_complete, connection_lost


def _end_stalls(kind: Any) -> None:
    """uvicorn waits for ever for a client that does not read."""
    plain_pause, plain_resume, plain_lost = kind.pause_writing, kind.resume_writing, kind.connection_lost

    def pause_writing(protocol: Any) -> None:
        plain_pause(protocol)
        protocol.stall = protocol.loop.call_later(PING_TIMEOUT_SECONDS, protocol.transport.abort)

    def resume_writing(protocol: Any) -> None:
        plain_resume(protocol)
        _cancel(protocol, "stall")

    def connection_lost(protocol: Any, error: Exception | None) -> None:
        _cancel(protocol, "stall")
        plain_lost(protocol, error)

    kind.pause_writing, kind.resume_writing, kind.connection_lost = pause_writing, resume_writing, connection_lost


def _end_after(protocol: Any, seconds: float) -> None:
    """Once for each connection: asyncio waits until all has been read that was written. One that is gone by then has no
    transport that could be told."""
    if getattr(protocol, "ending", None) is None:
        protocol.ending = protocol.loop.call_later(seconds, protocol.transport.abort)


def _cancel(protocol: Any, name: str) -> None:
    if timer := getattr(protocol, name, None):
        timer.cancel()
        setattr(protocol, name, None)


def _is_chunked(protocol: Any) -> bool:
    return any(name == b"transfer-encoding" for name, _ in protocol.headers or ())


def _look(door: Door, covers: Callable[[str], bool], owns_server: bool, protocol: Any) -> None:
    """What does the connection wait for?"""
    transport, cycle = protocol.transport, protocol.cycle
    if transport.get_protocol() is not protocol:  # a socket by now
        door.lost(protocol)
    elif transport.is_closing():
        door.leave(protocol)
        _end_after(protocol, PING_TIMEOUT_SECONDS)
    elif cycle is None or cycle.response_complete:
        _wait(door, protocol, Part.HEAD)
    elif cycle.more_body and covers(path_info_of(cycle.scope)):
        _wait(door, protocol, Part.BODY)
    elif owns_server:
        _wait(door, protocol, Part.ANSWER)
    else:
        door.leave(protocol)


def _wait(door: Door, protocol: Any, part: Part) -> None:
    address = protocol.client[0] if protocol.client else ""
    door.wait(
        protocol, part, address, lambda: _close(protocol, PING_TIMEOUT_SECONDS if door.is_closing else CLOSE_SECONDS)
    )


def _close(protocol: Any, seconds: float) -> None:
    """`seconds`: how long it may take to send what is left."""
    if protocol.cycle and not protocol.cycle.response_complete:
        protocol.transport.abort()  # an answer that breaks off must not look complete
        return
    protocol.transport.close()
    _end_after(protocol, seconds)
