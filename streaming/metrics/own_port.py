"""The metrics on a port of their own, open to whoever reaches it: in threads of their own, so that they come also while the
event loop of the server stands still.
"""

import io
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from voices.daemon_threads import DaemonThreads, TooMuchWork

logger = logging.getLogger("streaming.metrics")

PATH = "/metrics"
THREADS = 4
MOST_WAITING = 16
# How long a client may take to send its request, however it spreads it, and then to read its answer.
PATIENCE_SECONDS = 5.0
# Of clients that have not sent all of their request: the oldest has to go for a new one.
MOST_UNREAD = 200
MOST_BYTES = 16_384
END_OF_HEAD = b"\r\n\r\n"
# Another process may have the port: the one that this one takes over from, for instance.
TRY_AGAIN_SECONDS = 2.0
Exposition = Callable[[str], tuple[bytes, str]]


class MetricsPort:
    """`exposition`: see `ServerMetrics`."""

    def __init__(self, exposition: Exposition, host: str, port: int) -> None:
        self._exposition = exposition
        self._host = host
        self._port = port
        self._has_complained = False

    def start(self) -> int | None:
        """Returns at once: the port that is listened on, None if that has to be tried again. (Port 0 takes a free one.) The
        threads end with the process."""
        listener = self._listen()
        threading.Thread(target=self._run, args=(listener,), name="metrics-port", daemon=True).start()
        port: int | None = listener.getsockname()[1] if listener else None
        return port

    def _run(self, listener: socket.socket | None) -> None:
        while listener is None:
            time.sleep(TRY_AGAIN_SECONDS)
            listener = self._listen()
        logger.info("The metrics are at http://%s:%d%s", self._host, listener.getsockname()[1], PATH)
        _Connections(listener, self._exposition).serve()

    def _listen(self) -> socket.socket | None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen(MOST_UNREAD)
        except OSError as error:
            listener.close()
            self._complain(error)
            return None
        listener.setblocking(False)
        return listener

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            logger.error(
                "Cannot listen on service.metrics_host %s, service.metrics_port %d: %s. There are no metrics on "
                "this port until that has passed; it is tried again every %g s.",
                *(self._host, self._port, error.strerror or error, TRY_AGAIN_SECONDS),
            )
        self._has_complained = True


@dataclass(slots=True)
class _Unread:
    """A client that has not sent all of its request."""

    head: bytes = b""
    end: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)


class _Connections:
    """One thread waits for requests, however many clients send theirs slowly or never; others answer the complete ones."""

    def __init__(self, listener: socket.socket, exposition: Exposition) -> None:
        self._listener = listener
        self._exposition = exposition
        self._threads = DaemonThreads("metrics", THREADS, most_waiting=MOST_WAITING)
        self._selector = selectors.DefaultSelector()
        # The oldest first.
        self._unread: dict[socket.socket, _Unread] = {}

    def serve(self) -> None:
        """For ever."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            oldest = next(iter(self._unread.values()), None)
            patience = None if oldest is None else max(0.0, oldest.end - time.monotonic())
            for key, _ in self._selector.select(patience):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]
            now = time.monotonic()
            for client in [client for client, unread in self._unread.items() if unread.end <= now]:
                self._give_up(client)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError as error:  # it has gone already, or there are no descriptors left
            if not isinstance(error, BlockingIOError | ConnectionError):
                time.sleep(0.1)
            return
        client.setblocking(False)
        if len(self._unread) >= MOST_UNREAD:
            self._give_up(next(iter(self._unread)))
        self._unread[client] = _Unread()
        self._selector.register(client, selectors.EVENT_READ)

    def _read(self, client: socket.socket) -> None:
        unread = self._unread.get(client)
        if unread is None:  # given up for a newer one a moment ago
            return
        try:
            more = client.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        unread.head += more
        if END_OF_HEAD in unread.head:
            self._forget(client)
            self._hand_over(client, unread.head)
        elif not more or len(unread.head) > MOST_BYTES:
            self._give_up(client)

    def _hand_over(self, client: socket.socket, head: bytes) -> None:
        try:
            self._threads.submit(_answer, client, head, self._exposition)
        except TooMuchWork:
            _close(client)

    def _give_up(self, client: socket.socket) -> None:
        self._forget(client)
        _close(client)

    def _forget(self, client: socket.socket) -> None:
        del self._unread[client]
        self._selector.unregister(client)


def _answer(client: socket.socket, head: bytes, exposition: Exposition) -> None:
    try:
        _Handler(client, head, exposition)
    except OSError:
        pass  # the client is gone, or too slow
    except Exception:
        logger.exception("A request for the metrics has failed")
    finally:
        _close(client)


def _close(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
    client.close()


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_SECONDS

    def __init__(self, client: socket.socket, head: bytes, exposition: Exposition) -> None:
        self._head = head
        self._exposition = exposition
        super().__init__(client, None, None)  # type: ignore[arg-type]

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BytesIO(self._head)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        try:
            body, media_type = self._exposition(self.headers.get("Accept", ""))
        except Exception:
            logger.exception("The metrics cannot be given")
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nobody needs to know more."""
        return "metrics"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Somebody asks every few seconds: that is nothing to be written down."""
