"""How long a request to the API may be, for servers that do not say so themselves. Daphne has the same limits at its door
(`streaming.daphne.request_limits`), since it would store a whole body first.
"""

import json
from dataclasses import dataclass
from typing import Any

from streaming.conf import Config

CODES = {413: "request_too_large", 414: "query_too_long", 431: "headers_too_large"}
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
    """Those of the settings, on ASGI's messages."""

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        self._bodies = BodyLimits.of(config)

    def check_head(self, scope: Any) -> None:
        """Query and headers. Raises TooLong."""
        check_head(self._limits.max_query_bytes, self._limits.max_header_bytes, scope["query_string"], scope["headers"])

    def checked(self, scope: Any, receive: Any) -> Any:
        """The same `receive`, which raises TooLong when the body becomes longer than allowed."""
        most = self._bodies.most(dict(scope["headers"]).get(b"content-type", b""))
        received = 0

        async def receive_checked() -> Any:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise TooLong(413, f"The request is longer than {most} bytes.")
            return message

        return receive_checked


def check_head(max_query: int, max_headers: int, query: bytes, headers: Any) -> None:
    """`headers`: pairs of name and value. Raises TooLong."""
    if len(query) > max_query:
        raise TooLong(414, f"The query is longer than {max_query} bytes.")
    # As they came: `name: value` and the end of the line.
    if sum(len(name) + len(value) + 4 for name, value in headers) > max_headers:
        raise TooLong(431, f"The headers are longer than {max_headers} bytes together.")


def problem_body(code: str, message: str) -> bytes:
    return json.dumps({"detail": {"status": code, "code": code, "message": message}}).encode() + b"\n"


async def refuse(send: Any, error: TooLong) -> None:
    """Answer an HTTP request."""
    body = problem_body(CODES[error.status], str(error))
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
