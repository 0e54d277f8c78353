"""How long a request may be. Daphne has the same limits at its door (`streaming.daphne.request_limits`): it would store
a whole body before an application sees any of it.
"""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.utils.http import parse_header_parameters

from streaming.conf import Config
from streaming.connection.paths import path_info_of
from streaming.connection.refusing import refuse
from streaming.connection.transport import CHECKED_KEY
from streaming.http.problems import Problem
from streaming.http.uploads import Uploads, is_decided_by_head, is_form

CODES = {413: "request_too_large", 414: "query_too_long", 431: "headers_too_large"}
App = Callable[[Any, Any, Any], Awaitable[None]]
# JSON may write a character with twelve bytes, and there are other fields beside the text.
BYTES_PER_CHARACTER = 16
OTHER_BYTES = 65_536
# Of multipart/form-data without files. It costs far more to read than JSON, and none of ours is as long.
FORM_BYTES = 65_536
MAX_COOKIE_BYTES = 4096
MAX_CONTENT_TYPE_BYTES = 256
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1"})
# RFC 2231: a parameter in parts, or in a charset that it names itself. No client of an API has a use for either. What is no
# printable ASCII may be a blank to Python.
_EXTENDED_PARAMETER = re.compile(rb"\*[0-9]*\*?\s*=|[^\t -~]")


class TooLong(Problem):
    """A request is longer than allowed: `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, CODES[status], message)


class _DeclaredTooLong(TooLong):
    """Known before any of it has come."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """In bytes: of forms with files whose client may send them (`Uploads`), and of every other body, which is read at once
    on the event loop."""

    upload: int
    other: int

    @classmethod
    def of(cls, config: Config) -> "BodyLimits":
        upload = int(config.service.max_upload_megabytes * 2**20)
        return cls(upload, min(upload, config.limits.max_request_chars * BYTES_PER_CHARACTER + OTHER_BYTES))

    def without_files(self, headers: dict[bytes, bytes]) -> int:
        """Of a request whose client may send none."""
        return min(self.other, FORM_BYTES) if is_form(headers) else self.other


class RequestLimits:
    """An ASGI application around another: refuses requests, of sockets too, that are longer than the settings allow.
    `covers`: the paths that the limits are for."""

    def __init__(self, app: App, config: Config, uploads: Uploads, covers: Callable[[str], bool]) -> None:
        self._app = app
        self._uploads = uploads
        self._limits = config.limits
        self._bodies = BodyLimits.of(config)
        self._covers = covers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get(CHECKED_KEY) or not self._covers(path_info_of(scope)):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def note(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        body = _Body(receive, self._bodies.other)
        try:
            check_head(
                self._limits.max_query_bytes, self._limits.max_header_bytes, scope["query_string"], scope["headers"]
            )
            headers = dict(scope["headers"])
            if scope["type"] == "http" and is_decided_by_head(headers):
                body.most = await self._most_of_body(scope, headers)
            with self._uploads.one_more(scope) if body.most > self._bodies.other else nullcontext():
                await self._app(scope, body.receive, note)
        except Problem as error:
            if has_begun:
                raise
            if not isinstance(error, _DeclaredTooLong):
                # So that its client comes to read the answer.
                await body.swallow(self._bodies.upload)
            await refuse(scope, send, error.status, error.code, error.message, error.headers)

    async def _most_of_body(self, scope: Any, headers: dict[bytes, bytes]) -> int:
        """How long this body may be. Raises Problem."""
        check_declared_length(headers, self._bodies.upload)
        return self._bodies.upload if await self._uploads.may_be_long(scope) else self._bodies.without_files(headers)


class _Body:
    """A request's body on its way to the application: at most `most` bytes."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive = receive
        self.most = most
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Any:
        """Raises TooLong."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
            if self._received > self.most:
                raise TooLong(413, f"The request is longer than {self.most} bytes.")
        return message

    async def swallow(self, most: int) -> None:
        """The rest of a body, if it has at most so many bytes more."""
        self.most = self._received + most
        with suppress(TooLong):
            while not self._is_complete and (await self.receive())["type"] == "http.request":
                pass


def check_head(max_query: int, max_headers: int, query: bytes, headers: Any) -> None:
    """`headers`: pairs of name and value. Raises Problem."""
    if len(query) > max_query:
        raise TooLong(414, f"The query is longer than {max_query} bytes.")
    # As they came: `name: value` and the end of the line.
    if sum(len(name) + len(value) + 4 for name, value in headers) > max_headers:
        raise TooLong(431, f"The headers are longer than {max_headers} bytes together.")
    for name, value in headers:
        if name.lower() == b"cookie" and len(value) > MAX_COOKIE_BYTES:
            # What reads them takes time in the square of a cookie's length.
            raise TooLong(431, f"The cookies are longer than {MAX_COOKIE_BYTES} bytes together.")
    _check_content_type([value for name, value in headers if name.lower() == b"content-type"])


def _check_content_type(values: list[bytes]) -> None:
    """What reads it, here and in Django, takes time in the square of its length and knows codecs that are no encodings of
    text. Raises Problem."""
    if sum(map(len, values)) > MAX_CONTENT_TYPE_BYTES:
        raise TooLong(431, f"The Content-Type is longer than {MAX_CONTENT_TYPE_BYTES} bytes.")
    if len(values) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_headers", "The request has more than one Content-Type.")
    if values and (_EXTENDED_PARAMETER.search(values[0]) or _charset_of(values[0]) not in CHARSETS):
        message = "The charset of the request must be utf-8, and its Content-Type plain, without extended parameters."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_charset", message)


def _charset_of(content_type: bytes) -> str:
    """As Django reads it; "" if it cannot."""
    try:
        _, parameters = parse_header_parameters(content_type.decode("latin-1"))
    except (ValueError, TypeError, LookupError):
        return ""
    return str(parameters.get("charset", "utf-8")).strip().lower()


def check_declared_length(headers: dict[bytes, bytes], most: int) -> None:
    """Raises TooLong. A length that is none has been refused by the server."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > most:
        raise _DeclaredTooLong(413, f"The request is longer than {most} bytes.")


def problem_body(problem: Problem, request_id: str) -> bytes:
    return json.dumps(problem.in_elevenlabs_words(request_id)).encode() + b"\n"
