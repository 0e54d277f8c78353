"""Bounds what a socket's client may have sent before it is handled, as far as uvicorn does not: it stops reading when a
message waits, but not while a handshake is being decided, and it answers every ping.

A client that sends too many control frames, or a message in too many fragments, loses its connection. A pong that the client
does not read replaces the one before.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from streaming.connection.frames import MAX_AFTER_CLOSE, MAX_FRAGMENTS, ControlFrames

READ_BYTES = 16_384

_plain_receive = WebSocketsSansIOProtocol.receive
_plain_message = WebSocketsSansIOProtocol.send_receive_event_to_app
_plain_handle_cont = WebSocketsSansIOProtocol.handle_cont
_plain_handle_ping = WebSocketsSansIOProtocol.handle_ping
_plain_handle_pong = WebSocketsSansIOProtocol.handle_pong
_plain_resume_writing = WebSocketsSansIOProtocol.resume_writing


class Intake:
    """Of one socket."""

    def __init__(self) -> None:
        self.control_frames = ControlFrames()
        self.last_pong: bytes | None = None
        self.after_close = 0


def install() -> None:
    """From now on sockets whose intake is limited (`limit_intake`) are treated so."""
    kind: Any = WebSocketsSansIOProtocol
    kind.receive = _receive
    kind.send_receive_event_to_app = _message
    kind.handle_cont = _handle_cont
    kind.handle_ping = _handle_ping
    kind.handle_pong = _handle_pong
    kind.resume_writing = _resume_writing


def limit_intake(protocol: WebSocketsSansIOProtocol) -> None:
    """For a socket in its handshake."""
    protocol.intake = Intake()  # type: ignore[attr-defined]
    transport: Any = protocol.transport
    if hasattr(transport, "max_size"):
        # asyncio's own name for what one read may bring: thousands of messages, which uvicorn takes apart at once.
        transport.max_size = READ_BYTES
    _pause(protocol)


def has_accepted(protocol: WebSocketsSansIOProtocol) -> None:
    """The handshake is decided: the client may speak."""
    if _intake_of(protocol) and protocol.queue.empty():
        protocol.read_paused = False
        protocol.transport.resume_reading()


async def _receive(protocol: WebSocketsSansIOProtocol) -> Any:
    message = await _plain_receive(protocol)
    if message["type"] == "websocket.connect" and _intake_of(protocol):
        _pause(protocol)  # the original has just gone on reading
    return message


def _pause(protocol: WebSocketsSansIOProtocol) -> None:
    if not protocol.read_paused and not protocol.transport.is_closing():
        protocol.read_paused = True
        protocol.transport.pause_reading()


def _message(protocol: WebSocketsSansIOProtocol) -> None:
    """uvicorn drops what comes after its close, and reads on as fast as it comes."""
    intake = _intake_of(protocol)
    if intake and protocol.close_sent:
        intake.after_close += 1
        if intake.after_close > MAX_AFTER_CLOSE:
            protocol.transport.abort()
    _plain_message(protocol)


def _handle_cont(protocol: WebSocketsSansIOProtocol, event: Frame) -> None:
    if _intake_of(protocol) and len(protocol.frames) >= MAX_FRAGMENTS:
        protocol.transport.abort()
        return
    _plain_handle_cont(protocol, event)


def _handle_ping(protocol: WebSocketsSansIOProtocol) -> None:
    """A client that does not read gets one pong when it reads again: the last."""
    intake = _intake_of(protocol)
    if not _has_room(protocol):
        return
    if intake is None or protocol.writable.is_set():
        _plain_handle_ping(protocol)
    else:
        intake.last_pong = b"".join(protocol.conn.data_to_send())


def _handle_pong(protocol: WebSocketsSansIOProtocol, event: Frame) -> None:
    if _has_room(protocol):
        _plain_handle_pong(protocol, event)


def _resume_writing(protocol: WebSocketsSansIOProtocol) -> None:
    _plain_resume_writing(protocol)
    intake = _intake_of(protocol)
    if intake and intake.last_pong and not protocol.transport.is_closing():
        pong, intake.last_pong = intake.last_pong, None
        protocol.transport.write(pong)


def _has_room(protocol: WebSocketsSansIOProtocol) -> bool:
    """Whether the client may send one more control frame; it loses its connection if not."""
    intake = _intake_of(protocol)
    if intake is None or not intake.control_frames.are_too_many(protocol.loop.time()):
        return True
    protocol.transport.abort()
    return False


def _intake_of(protocol: WebSocketsSansIOProtocol) -> Intake | None:
    return getattr(protocol, "intake", None)
