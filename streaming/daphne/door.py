"""Deadlines and bounded rooms for connections to daphne (`streaming.connection.door`)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import tcp
from twisted.web import http

from streaming.connection.door import Door, Part
from streaming.connection.listening import ACCEPTS_AT_A_TIME
from streaming.daphne.request_limits import path_info_of_head

Port: Any = tcp.Port
_plain_accept = Port.doRead
HTTPChannel: Any = http.HTTPChannel
_plain_made = HTTPChannel.connectionMade
_plain_data = HTTPChannel.dataReceived
_plain_head = HTTPChannel.allHeadersReceived
_plain_content = HTTPChannel.allContentReceived
_plain_done = HTTPChannel.requestDone
_plain_lost = HTTPChannel.connectionLost


def install(door: Door, covers: Callable[[str], bool], *, owns_server: bool) -> None:
    """From now on every HTTP connection to a server in this process passes this door. `covers`: the paths that bodies have
    a deadline for. `owns_server`: all answers are ours."""

    def accept(port: Any) -> Any:
        port.numberAccepts = min(port.numberAccepts, ACCEPTS_AT_A_TIME)  # it grows by itself
        return _plain_accept(port)

    def connection_made(channel: Any) -> None:
        _plain_made(channel)
        _wait(door, channel, Part.HEAD)

    def all_headers_received(channel: Any) -> None:
        if covers(path_info_of_head(channel)):
            _wait(door, channel, Part.BODY)
        else:
            door.leave(channel)
        _plain_head(channel)

    def all_content_received(channel: Any) -> None:
        _wait_for_answer(door, channel, owns_server)
        _plain_content(channel)

    def request_done(channel: Any, request: Any) -> None:
        if _says_close(request):
            channel.persistent = False  # Twisted goes by what the client said
        _wait(door, channel, Part.HEAD)
        _plain_done(channel, request)

    def connection_lost(channel: Any, reason: Any) -> None:
        door.lost(channel)
        _plain_lost(channel, reason)

    Port.doRead = accept
    HTTPChannel.connectionMade = connection_made
    HTTPChannel.dataReceived = _data_receiver(door)
    HTTPChannel.allHeadersReceived = all_headers_received
    HTTPChannel.allContentReceived = all_content_received
    HTTPChannel.requestDone = request_done
    HTTPChannel.connectionLost = connection_lost


def _data_receiver(door: Door) -> Callable[[Any, bytes], None]:
    def data_received(channel: Any, data: bytes) -> None:
        # A body in chunks has no length.
        if channel.length is None and door.has_tiny_chunks(channel, data):
            channel.transport.abortConnection()
        else:
            _plain_data(channel, data)

    return data_received


def _wait_for_answer(door: Door, channel: Any, owns_server: bool) -> None:
    if channel.requests[-1].requestHeaders.hasHeader(b"Upgrade"):
        door.lost(channel)
    elif owns_server:
        _wait(door, channel, Part.ANSWER)
    else:
        door.leave(channel)


def _says_close(request: Any) -> bool:
    values = request.responseHeaders.getRawHeaders(b"Connection", ())
    return any(value.strip().lower() == b"close" for value in values)


def _wait(door: Door, channel: Any, part: Part) -> None:
    address = str(getattr(channel.getPeer(), "host", ""))
    close = channel.forceAbortClient if part is Part.ANSWER else partial(_close, door, channel)
    door.wait(channel, part, address, close)


def _close(door: Door, channel: Any) -> None:
    """What is left of its last response is sent before; when the server is about to end, it may take until then."""
    if door.is_closing:
        channel.loseConnection()
    else:
        channel.timeoutConnection()
