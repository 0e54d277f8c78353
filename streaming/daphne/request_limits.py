"""Bounds a request before anybody works on it: its body while it arrives, since daphne would store all of it first; its
query and its headers, of sockets too.

daphne and Twisted would cut these off without a word; here the refusal is JSON and names the limit. Forms with files may be
as long as an upload; every other body is read at once, on the event loop, and must be short. What daphne itself refuses or
gives up is told in the same way, and not as a page.
"""

import json
from functools import partialmethod
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from streaming.conf import LimitsConfig

_REASONS = {413: b"Content Too Large", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}
_CODES = {413: "request_too_large", 414: "query_too_long", 431: "headers_too_large"}
# Above our own limits, so that these come first: as much again for what is cut in one piece, and the path.
TWISTED_FACTOR = 2
PATH_BYTES = 8192
# JSON may write a character with twelve bytes, and there are other fields beside the text.
BYTES_PER_CHARACTER = 16
OTHER_BYTES = 65_536

_plain_init = WebRequest.__init__
_plain_handle_content_chunk = WebRequest.handleContentChunk
_plain_process = WebRequest.process


class _LimitedRequest:
    """What is put in place of the methods of daphne's requests."""

    def __init__(self, max_upload_bytes: int, limits: LimitsConfig) -> None:
        self._max_upload = max_upload_bytes
        self._max_other = min(max_upload_bytes, limits.max_request_chars * BYTES_PER_CHARACTER + OTHER_BYTES)
        self._limits = limits

    def handle_content_chunk(self, request: Any, data: bytes) -> None:
        """Body bytes. What is too long to be read at once is swallowed, so that the client comes to read its answer; what
        is too long for anything costs the connection."""
        request.body_bytes = getattr(request, "body_bytes", 0) + len(data)
        if getattr(request, "is_refused", False):
            return  # what was on its way already
        if request.body_bytes > self._max_upload:
            _refuse(request, 413, f"The request is longer than {self._max_upload} bytes.")
        elif _is_upload(request) or request.body_bytes <= self._max_other:
            _plain_handle_content_chunk(request, data)

    def process(self, request: Any) -> Any:
        """The whole request is there, of a socket too."""
        if getattr(request, "is_refused", False):
            return None
        # daphne would take the root path from it, and routing leaves that out of the path: a client would say itself which
        # part of its path is looked at.
        request.requestHeaders.removeHeader(b"Daphne-Root-Path")
        query, limits = request.uri.partition(b"?")[2], self._limits
        if getattr(request, "body_bytes", 0) > self._max_other and not _is_upload(request):
            return _refuse(request, 413, f"The request is longer than {self._max_other} bytes.")
        if len(query) > limits.max_query_bytes:
            return _refuse(request, 414, f"The query is longer than {limits.max_query_bytes} bytes.")
        if _header_bytes(request) > limits.max_header_bytes:
            return _refuse(request, 431, f"The headers are longer than {limits.max_header_bytes} bytes together.")
        return _plain_process(request)


def install(max_upload_bytes: int, limits: LimitsConfig) -> None:
    """From now on every daphne server in this process answers 413 to longer bodies, 414 to longer queries, and 431 to more
    headers."""
    limited = _LimitedRequest(max_upload_bytes, limits)
    most = TWISTED_FACTOR * (limits.max_query_bytes + limits.max_header_bytes) + PATH_BYTES
    HTTPChannel.MAX_LENGTH = HTTPChannel.totalHeadersSize = most
    # Twisted would read forms here, recordings and all, on the event loop, for nobody: Django reads them, on a thread.
    WebRequest.__init__ = partialmethod(_plain_init, parsePOSTFormSubmission=False)
    WebRequest.handleContentChunk = lambda request, data: limited.handle_content_chunk(request, data)
    WebRequest.basic_error = _answer_for_daphne
    WebRequest.process = lambda request: limited.process(request)


def _answer_for_daphne(request: Any, status: int, status_text: bytes, body: str) -> None:
    """In place of its page. Behind the beginning of a response there is nothing to say any more."""
    if request._response_started:
        request.channel.transport.abortConnection()
        return
    code = status_text.decode("ascii").lower().replace(" ", "_")
    headers = [(b"Content-Type", b"application/json")]
    request.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
    request.handle_reply({"type": "http.response.body", "body": _problem(code, body)})


def _problem(code: str, message: str) -> bytes:
    return json.dumps({"detail": {"status": code, "code": code, "message": message}}).encode() + b"\n"


def _is_upload(request: Any) -> bool:
    return bool((request.getHeader(b"content-type") or b"").lower().startswith(b"multipart/form-data"))


def _header_bytes(request: Any) -> int:
    """As they came: `name: value` and the end of the line."""
    raw = request.requestHeaders.getAllRawHeaders()
    return sum(len(name) + len(value) + 4 for name, values in raw for value in values)


def _refuse(request: Any, status: int, message: str) -> None:
    request.is_refused = True
    body = _problem(_CODES[status], message)
    head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    request.channel.transport.write(head % (status, _REASONS[status], len(body)) + body)
    request.channel.loseConnection()
