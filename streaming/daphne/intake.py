"""Bounds what a socket's client may have sent before it is handled. daphne reads on whatever the application does, and keeps
everything.

Reading stops while a handshake is being decided, and while too much waits to be handled. A client that sends too many
control frames, or a message in too many fragments, loses its connection. A pong that the client does not read replaces the
one before.
"""

import asyncio
from collections import deque
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from streaming.connection.frames import MAX_FRAGMENTS, ControlFrames
from streaming.connection.listening import FRAME_FACTOR

MAX_WAITING_MESSAGES = 256
# Pieces of a fragment, before they are put together.
MAX_PARTS = 256

_plain_on_message = WebSocketProtocol.onMessage
_plain_on_message_begin = WebSocketProtocol.onMessageBegin
_plain_on_fragment = WebSocketProtocol.onMessageFrameBegin
_plain_on_part = WebSocketProtocol.onMessageFrameData
_plain_on_ping = WebSocketProtocol.onPing
_plain_on_pong = WebSocketProtocol.onPong
_plain_on_close = WebSocketProtocol.onClose


class Intake:
    """What a client has sent and the application has not taken yet."""

    def __init__(self, transport: Any, max_bytes: int) -> None:
        self._transport = transport
        self._max_bytes = max_bytes
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._has_handshake = False
        self._is_reading = True
        self.control_frames = ControlFrames()
        # Of the message that is being received.
        self.fragments = 0
        self._update()

    def accept(self) -> None:
        """The handshake is decided: the client may speak."""
        self._has_handshake = True
        self._update()

    def arrived(self, size: int) -> None:
        self._sizes.append(size)
        self._bytes += size
        self._update()

    def taken(self) -> None:
        """The message that came first."""
        if self._sizes:
            self._bytes -= self._sizes.popleft()
            self._update()

    def _update(self) -> None:
        may_read = self._has_handshake and self._bytes <= self._max_bytes and len(self._sizes) <= MAX_WAITING_MESSAGES
        if may_read and not self._is_reading:
            self._transport.resumeProducing()
        elif self._is_reading and not may_read:
            self._transport.pauseProducing()
        self._is_reading = may_read


def install() -> None:
    """From now on sockets whose intake is limited (`limit_intake`) are treated so."""
    WebSocketProtocol.onMessage = _on_message
    WebSocketProtocol.onMessageBegin = _on_message_begin
    WebSocketProtocol.onMessageFrameBegin = _on_fragment
    WebSocketProtocol.onMessageFrameData = _on_part
    WebSocketProtocol.onPing = _on_ping
    WebSocketProtocol.onPong = _on_pong
    WebSocketProtocol.onClose = _on_close


def limit_intake(protocol: WebSocketProtocol) -> None:
    """For a socket in its handshake. Its transport must not be reading for anybody else any more."""
    intake = protocol.intake = Intake(protocol.transport, FRAME_FACTOR * protocol.maxMessagePayloadSize)
    # asyncio.Queue keeps its items in a deque, and leaves `_get` to be overridden. Its own one is a method: called in here,
    # it would make the queue refer to itself.
    queue = protocol.application_queue
    waiting = queue._queue

    def get() -> Any:
        message = waiting.popleft()
        if message["type"] == "websocket.receive":
            intake.taken()
        return message

    queue._get = get


def _on_message(protocol: Any, payload: bytes, is_binary: bool) -> None:
    if (intake := _intake_of(protocol)) and not protocol.muted:
        intake.arrived(len(payload))
    _plain_on_message(protocol, payload, is_binary)


def _on_message_begin(protocol: Any, is_binary: bool) -> None:
    if intake := _intake_of(protocol):
        intake.fragments = 0
    _plain_on_message_begin(protocol, is_binary)


def _on_fragment(protocol: Any, length: int) -> None:
    _plain_on_fragment(protocol, length)
    if intake := _intake_of(protocol):
        intake.fragments += 1
        if intake.fragments > MAX_FRAGMENTS:
            protocol.dropConnection(abort=True)


def _on_part(protocol: Any, payload: bytes) -> None:
    """A fragment may come byte by byte, each of which would be kept as an object of its own."""
    _plain_on_part(protocol, payload)
    if _intake_of(protocol) and len(protocol.frame_data or ()) > MAX_PARTS:
        protocol.frame_data = [b"".join(protocol.frame_data)]


def _on_ping(protocol: Any, payload: bytes) -> None:
    """A client that does not read gets one pong when it reads again: the last."""
    if not _has_room(protocol):
        return
    if (valve := getattr(protocol, "valve", None)) and not valve.is_open:
        valve.when_open(lambda: _plain_on_ping(protocol, payload))
    else:
        _plain_on_ping(protocol, payload)


def _on_pong(protocol: Any, payload: bytes) -> None:
    if _has_room(protocol):
        _plain_on_pong(protocol, payload)


def _on_close(protocol: Any, was_clean: bool, code: int | None, reason: str | None) -> None:
    """autobahn gives the protocol a Deferred whose result is the protocol: nothing that it holds would ever be freed."""
    _plain_on_close(protocol, was_clean, code, reason)
    protocol.is_closed = None


def _has_room(protocol: Any) -> bool:
    """Whether the client may send one more control frame; it loses its connection if not."""
    intake = _intake_of(protocol)
    if intake is None or not intake.control_frames.are_too_many(asyncio.get_running_loop().time()):
        return True
    protocol.dropConnection(abort=True)
    return False


def _intake_of(protocol: Any) -> Intake | None:
    return getattr(protocol, "intake", None)
