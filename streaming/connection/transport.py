"""What both servers are told about their connections, so that a client that does not read costs little."""

import socket
from typing import Any

# In a scope: ends the connection at once. Daphne and uvicorn get it from us; where it is missing, an exception has to do.
ABORT_KEY = "streaming.abort"
# In a scope: keeps small what waits for the client in the kernel, and, of a socket, what has come from it and waits to be
# handled. For speech alone; a download is faster with a large buffer.
LIMIT_KEY = "streaming.limit"
# In the scope of a request that the server has checked: how long it is, and whether it may hold files.
CHECKED_KEY = "streaming.is_checked"
# In the scope of a socket: whether its client is gone, although what it sent before may wait to be handled.
GONE_KEY = "streaming.is_gone"
# In the scope of a socket: sends a text if the client has room for it, and returns whether it did. Where it did not, or is
# missing, `send` waits for room. That way leads through every layer of ASGI, and costs a packet several times as much.
SEND_NOW_KEY = "streaming.send_now"
# The kernel doubles what it is asked for. A few seconds of PCM, and at 100 ms of round trip still over 1 MB/s.
SEND_BUFFER_BYTES = 65_536
# A client that plays while it reads may hear the last audio this long after it was sent; the close waits for that.
CLOSE_HANDSHAKE_SECONDS = 30
# RFC 6455, 5.5.1: a control frame has at most 125 bytes, two of which are the code.
MAX_REASON_BYTES = 123


def limit_connection_of(scope: Any) -> None:
    """Where the server has given a way to."""
    if limit := scope.get(LIMIT_KEY):
        limit()


def close_reason(sentence: str) -> str:
    """As much of the sentence as a close frame holds, whatever characters are in it."""
    return sentence.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")


def limit_send_buffer(tcp_socket: Any) -> None:
    """Keep the kernel's buffer small, so that pongs do not wait for a minute of audio to go out. None is ignored: the socket
    is gone with its connection."""
    if tcp_socket is None:
        return
    # Not what Python says of it: uvicorn takes passed sockets for others.
    if tcp_socket.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) in (socket.AF_INET, socket.AF_INET6):
        tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
