"""Clients that no library would be: they speak to a server byte by byte."""

import base64
import http.client
import os
import select
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.live_server import LiveServer

CONTINUATION, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10
CHUNK = 65_536


def frame(opcode: int, payload: bytes, *, is_last: bool = True) -> bytes:
    """A masked frame of a client; the mask is zero, which leaves the payload as it is."""
    first = bytes([(0x80 if is_last else 0) | opcode])
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = struct.pack("!BH", 0x80 | 126, size)
    else:
        length = struct.pack("!BQ", 0x80 | 127, size)
    return first + length + b"\0\0\0\0" + payload


def handshake(server: LiveServer, query: str = "", headers: str = "") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    path = urlsplit(server.url()).path
    return (
        f"GET {path}{query} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"{headers}\r\n"
    ).encode()


def connect(server: LiveServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def open_socket(server: LiveServer, query: str = "", headers: str = "") -> socket.socket:
    """A WebSocket whose handshake is done."""
    client = connect(server)
    client.sendall(handshake(server, query, headers))
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(1)
        assert piece, answer
        answer += piece
    assert b" 101 " in answer.split(b"\r\n")[0], answer
    return client


def send_quietly(client: socket.socket, data: bytes) -> None:
    """Also where the server has closed the connection."""
    with suppress(ConnectionError):
        client.sendall(data)


def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed it; nothing else is waited for."""
    client.setblocking(False)
    try:
        return not client.recv(1)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def is_readable(client: socket.socket) -> bool:
    """Within a hundredth of a second."""
    return bool(select.select([client], [], [], 0.01)[0])


def flood(clients: list[socket.socket], data: bytes, *, most: int, seconds: float) -> int:
    """Send `data` again and again on each of them, `most` bytes on each, as fast as the server takes it, and for so long at
    most; nothing is read. Returns the bytes that were sent. A client that the server drops is left out."""
    repeated = data * max(1, CHUNK // len(data))
    left = dict.fromkeys(clients, most)
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.setblocking(False)
            selector.register(client, selectors.EVENT_WRITE, data=client)
        offsets = dict.fromkeys(clients, 0)
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(timeout=0.2):
                ready = key.data
                try:
                    sent = ready.send(repeated[offsets[ready] :])
                except OSError:
                    sent = left[ready]
                offsets[ready] = (offsets[ready] + sent) % len(repeated)
                left[ready] -= sent
                if left[ready] <= 0:
                    selector.unregister(ready)
    return len(clients) * most - sum(max(0, rest) for rest in left.values())


@contextmanager
def closing(clients: list[socket.socket]) -> Iterator[None]:
    with ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        yield


FORM_PIECE = b"x" * 65_536
FORM_PIECES = 96


def begin_form(
    server: LiveServer, path: str, headers: dict[str, str], method: str = "POST"
) -> http.client.HTTPConnection:
    """The head of a form of FORM_PIECES pieces."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, path)
    length = str(FORM_PIECES * len(FORM_PIECE))
    content = {"Content-Type": "multipart/form-data; boundary=line", "Content-Length": length}
    for name, value in (content | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def send_form_and_look(server: LiveServer, connection: http.client.HTTPConnection) -> int:
    """Send the body of the form but for its last byte. Returns the largest file that the server held meanwhile."""
    largest = 0
    for number in range(FORM_PIECES):
        connection.send(FORM_PIECE if number < FORM_PIECES - 1 else FORM_PIECE[:-1])
        largest = max(largest, largest_file(server.process.pid))
    return largest


def threads_of(server: LiveServer) -> int:
    """How many threads the server's process has."""
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def resident_bytes(pid: int) -> int:
    """The memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def largest_file(pid: int) -> int:
    """The bytes of the largest file that a process has open, one without a name included."""
    sizes = [0]
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "/" in os.readlink(link) and link.is_file():
                sizes.append(link.stat().st_size)
        except OSError:
            continue
    return max(sizes)
