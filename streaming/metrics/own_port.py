"""The metrics on a port of their own, open to whoever reaches it: in threads of their own, so that they come also while the
event loop of the server stands still.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from voices.daemon_threads import DaemonThreads, TooMuchWork

logger = logging.getLogger("streaming.metrics")

PATH = "/metrics"
THREADS = 4
MOST_WAITING = 16
# How long a client may take to send its request, or to read its answer.
PATIENCE_SECONDS = 10.0
# Another process may have the port: the one that this one takes over from, for instance.
TRY_AGAIN_SECONDS = 2.0
Exposition = Callable[[str], tuple[bytes, str]]


class MetricsPort:
    """`exposition`: see `ServerMetrics`."""

    def __init__(self, exposition: Exposition, host: str, port: int) -> None:
        self._exposition = exposition
        self._host = host
        self._port = port

    def start(self) -> None:
        """Returns at once. The threads end with the process."""
        threading.Thread(target=self._run, name="metrics-port", daemon=True).start()

    def _run(self) -> None:
        server = self._listen()
        logger.info("The metrics are at http://%s:%d%s", self._host, self._port, PATH)
        server.serve_forever()

    def _listen(self) -> "_Server":
        has_complained = False
        while True:
            try:
                return _Server((self._host, self._port), partial(_Handler, self._exposition))
            except OSError as error:
                if not has_complained:
                    logger.error(
                        "Cannot listen on service.metrics_host %s, service.metrics_port %d: %s. There are no metrics on "
                        "this port until that has passed; it is tried again every %g s.",
                        *(self._host, self._port, error.strerror or error, TRY_AGAIN_SECONDS),
                    )
                has_complained = True
            time.sleep(TRY_AGAIN_SECONDS)


class _Server(HTTPServer):
    """A few connections at once; what is beyond that is closed."""

    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._threads = DaemonThreads("metrics", THREADS, most_waiting=MOST_WAITING)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without looking for the host's name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            self._threads.submit(self._serve, request, client_address)
        except TooMuchWork:
            self.shutdown_request(request)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client is gone, or too slow
        finally:
            self.shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_SECONDS

    def __init__(self, exposition: Exposition, *arguments: Any) -> None:
        self._exposition = exposition
        super().__init__(*arguments)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        body, media_type = self._exposition(self.headers.get("Accept", ""))
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
