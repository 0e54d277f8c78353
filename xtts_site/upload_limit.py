"""Bounds the body of an HTTP request while it arrives: daphne would store all of it before anybody could refuse it."""

from typing import Any

from daphne.http_protocol import WebRequest

_REFUSAL = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
)
_plain_handle_content_chunk = WebRequest.handleContentChunk


def install(max_bytes: int) -> None:
    """From now on every daphne server in this process answers 413 to longer bodies."""

    def handle_content_chunk(request: Any, data: bytes) -> None:
        if getattr(request, "is_refused", False):
            return  # what was on its way already
        if request.content.tell() + len(data) <= max_bytes:
            _plain_handle_content_chunk(request, data)
            return
        request.is_refused = True
        text = b"The request is longer than %d bytes.\n" % max_bytes
        request.channel.transport.write(_REFUSAL % (len(text), text))
        request.channel.loseConnection()

    WebRequest.handleContentChunk = handle_content_chunk
