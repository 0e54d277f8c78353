"""How long a request may be. Daphne has the same limits at its door (`streaming.daphne.request_limits`): it would store
a whole body before an application sees any of it.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from streaming.conf import Config
from streaming.connection.paths import path_info_of

CODES = {413: "request_too_large", 414: "query_too_long", 431: "headers_too_large"}
App = Callable[[Any, Any, Any], Awaitable[None]]
# JSON may write a character with twelve bytes, and there are other fields beside the text.
BYTES_PER_CHARACTER = 16
OTHER_BYTES = 65_536


class TooLong(Exception):
    """A request is longer than allowed: `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """In bytes: of forms with files, and of every other body, which is read at once on the event loop."""

    upload: int
    other: int

    @classmethod
    def of(cls, config: Config) -> "BodyLimits":
        upload = int(config.service.max_upload_megabytes * 2**20)
        return cls(upload, min(upload, config.limits.max_request_chars * BYTES_PER_CHARACTER + OTHER_BYTES))

    def most(self, content_type: bytes) -> int:
        return self.upload if content_type.lower().startswith(b"multipart/form-data") else self.other


class RequestLimits:
    """An ASGI application around another: refuses requests, of sockets too, that are longer than the settings allow.
    `covers`: the paths that the limits are for."""

    def __init__(self, app: App, config: Config, covers: Callable[[str], bool]) -> None:
        self._app = app
        self._limits = config.limits
        self._bodies = BodyLimits.of(config)
        self._covers = covers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._covers(path_info_of(scope)):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def note(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        body = _Body(receive, self._most(scope))
        try:
            check_head(
                self._limits.max_query_bytes, self._limits.max_header_bytes, scope["query_string"], scope["headers"]
            )
            await self._app(scope, body.receive, note)
        except TooLong as error:
            if has_begun:
                raise
            if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                await body.swallow(self._bodies.upload)
            await _refuse(scope, send, error)

    def _most(self, scope: Any) -> int:
        return self._bodies.most(dict(scope["headers"]).get(b"content-type", b""))


class _Body:
    """A request's body on its way to the application: at most `most` bytes."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive = receive
        self._most = most
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Any:
        """Raises TooLong."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
            if self._received > self._most:
                raise TooLong(413, f"The request is longer than {self._most} bytes.")
        return message

    async def swallow(self, most: int) -> None:
        """The rest of a body that has at most as many bytes, so that its client comes to read the answer."""
        self._most = most
        with suppress(TooLong):
            while not self._is_complete and (await self.receive())["type"] == "http.request":
                pass


def check_head(max_query: int, max_headers: int, query: bytes, headers: Any) -> None:
    """`headers`: pairs of name and value. Raises TooLong."""
    if len(query) > max_query:
        raise TooLong(414, f"The query is longer than {max_query} bytes.")
    # As they came: `name: value` and the end of the line.
    if sum(len(name) + len(value) + 4 for name, value in headers) > max_headers:
        raise TooLong(431, f"The headers are longer than {max_headers} bytes together.")


def problem_body(code: str, message: str) -> bytes:
    return json.dumps({"detail": {"status": code, "code": code, "message": message}}).encode() + b"\n"


async def _refuse(scope: Any, send: Any, error: TooLong) -> None:
    """Answer a request, or the handshake of a socket."""
    body = problem_body(CODES[error.status], str(error))
    is_socket = scope["type"] == "websocket"
    if is_socket and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    prefix = "websocket.http" if is_socket else "http"
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": f"{prefix}.response.start", "status": error.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})
