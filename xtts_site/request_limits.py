"""Bounds a request before anybody works on it: its body while it arrives, since daphne would store all of it first; its
query and its headers, of sockets too.

daphne and Twisted would cut these off without a word; here the refusal is JSON and names the limit.
"""

import json
from functools import partialmethod
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from xtts_site.sections import LimitsConfig

_REASONS = {413: b"Content Too Large", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}
_CODES = {413: "request_too_large", 414: "query_too_long", 431: "headers_too_large"}
# Above our own limits, so that these come first: as much again for what is cut in one piece, and the path.
TWISTED_FACTOR = 2
PATH_BYTES = 8192

_plain_init = WebRequest.__init__
_plain_handle_content_chunk = WebRequest.handleContentChunk
_plain_process = WebRequest.process


def install(max_body_bytes: int, limits: LimitsConfig) -> None:
    """From now on every daphne server in this process answers 413 to longer bodies, 414 to longer queries, and 431 to more
    headers."""

    def handle_content_chunk(request: Any, data: bytes) -> None:
        if getattr(request, "is_refused", False):
            return  # what was on its way already
        if request.content.tell() + len(data) <= max_body_bytes:
            _plain_handle_content_chunk(request, data)
            return
        _refuse(request, 413, f"The request is longer than {max_body_bytes} bytes.")

    def process(request: Any) -> Any:
        if getattr(request, "is_refused", False):
            return None
        if len(request.uri.partition(b"?")[2]) > limits.max_query_bytes:
            return _refuse(request, 414, f"The query is longer than {limits.max_query_bytes} bytes.")
        if _header_bytes(request) > limits.max_header_bytes:
            return _refuse(request, 431, f"The headers are longer than {limits.max_header_bytes} bytes together.")
        return _plain_process(request)

    most = TWISTED_FACTOR * (limits.max_query_bytes + limits.max_header_bytes) + PATH_BYTES
    HTTPChannel.MAX_LENGTH = HTTPChannel.totalHeadersSize = most
    # Twisted would read forms here, recordings and all, on the event loop, for nobody: Django reads them, on a thread.
    WebRequest.__init__ = partialmethod(_plain_init, parsePOSTFormSubmission=False)
    WebRequest.handleContentChunk = handle_content_chunk
    WebRequest.process = process


def _header_bytes(request: Any) -> int:
    """As they came: `name: value` and the end of the line."""
    raw = request.requestHeaders.getAllRawHeaders()
    return sum(len(name) + len(value) + 4 for name, values in raw for value in values)


def _refuse(request: Any, status: int, message: str) -> None:
    request.is_refused = True
    code = _CODES[status]
    body = json.dumps({"detail": {"status": code, "code": code, "message": message}}).encode() + b"\n"
    head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    request.channel.transport.write(head % (status, _REASONS[status], len(body)) + body)
    request.channel.loseConnection()
