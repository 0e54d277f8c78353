"""A model hub on loopback: it answers as a real one does, or as badly as a test wants."""

import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

STORE = "/store"


def git_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Hub:
    """`large` files are sent from a store, to which the hub redirects; `small` ones by the hub itself. Both by path.

    `break_after`: bytes after which the next answers end, one after the other. `busy`: how many answers are 503.
    """

    large: dict[str, bytes] = field(default_factory=dict)
    small: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)
    busy: int = 0
    knows_ranges: bool = True
    tells_checksums: bool = True
    # What is announced, where it is not the truth.
    announced: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    # What was asked for: path and range.
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Not in the output of the tests."""

    def do_GET(self) -> None:
        hub = self.hub
        hub.requests.append((self.path, self.headers.get("Range")))
        path = self.path.removeprefix(STORE)
        if hub.busy:
            hub.busy -= 1
            self._answer(503)
        elif path in hub.small:
            self._send(path, hub.small[path], {"ETag": f'"{git_name(hub.small[path])}"'})
        elif path not in hub.large:
            self._answer(404)
        elif self.path == path:
            self._redirect(path)
        else:
            self._send(path, hub.large[path], {"ETag": '"0123456789abcdef-7"'})

    def _redirect(self, path: str) -> None:
        content = self.hub.large[path]
        tag = self.hub.announced.get(path, sha256(content))
        headers = {"X-Linked-ETag": f'"{tag}"'} if self.hub.tells_checksums else {}
        size = self.hub.sizes.get(path, len(content))
        self._answer(302, {**headers, "Location": f"{STORE}{path}", "X-Linked-Size": str(size)})

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if self.hub.knows_ranges else 0
        if start and start >= len(content):
            self._answer(416, headers | {"Content-Range": f"bytes */{len(content)}"})
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        most = self.hub.break_after.pop(0) if self.hub.break_after else len(content)
        with suppress(ConnectionError):  # whoever asked may have heard enough
            self.wfile.write(content[start : start + most])
