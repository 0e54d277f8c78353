"""Bounds a request before anybody works on it: its body while it arrives, since daphne would store all of it first; its
query and its headers, of sockets too.

daphne and Twisted would drop these silently; here the refusal is JSON and names the limit. Forms with files may be
as long as an upload; every other body is read at once, on the event loop, and must be short. What daphne itself refuses or
gives up is told in the same way, and not as a page.
"""

from functools import partialmethod
from typing import Any
from urllib.parse import unquote_to_bytes

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from streaming.conf import Config
from streaming.http.paths import ApiPaths
from streaming.http.request_limits import CODES, BodyLimits, TooLong, check_head, problem_body
from streaming.sockets.routing import is_speech_path

_REASONS = {413: b"Content Too Large", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}
# Above our own limits, so that these come first: as much again for what is cut in one piece, and the path.
TWISTED_FACTOR = 2
PATH_BYTES = 8192

_plain_init = WebRequest.__init__
_plain_handle_content_chunk = WebRequest.handleContentChunk
_plain_process = WebRequest.process
_plain_basic_error = WebRequest.basic_error


class _LimitedRequest:
    """What is put in place of the methods of daphne's requests. `owns_server`: the limits hold for every path, not for the
    API's alone."""

    def __init__(self, config: Config, prefix: str, *, owns_server: bool) -> None:
        self._limits = config.limits
        self._bodies = BodyLimits.of(config)
        self._prefix = prefix
        self._api_paths = ApiPaths(prefix)
        self._owns_server = owns_server

    def covers(self, request: Any) -> bool:
        """Whether the limits are for it. Looked up once: a body comes in many pieces."""
        if not hasattr(request, "is_limited"):
            request.is_limited = self._owns_server or self._is_speech(request.uri.partition(b"?")[0])
        return bool(request.is_limited)

    def _is_speech(self, path: bytes) -> bool:
        path_info = unquote_to_bytes(path).decode("utf-8", "replace")
        return path_info in self._api_paths or is_speech_path(path_info, self._prefix)

    def handle_content_chunk(self, request: Any, data: bytes) -> None:
        """Body bytes. What is too long to be read at once is swallowed, so that the client comes to read its answer; what
        is too long for anything costs the connection."""
        if not self.covers(request):
            _plain_handle_content_chunk(request, data)
            return
        request.body_bytes = getattr(request, "body_bytes", 0) + len(data)
        if getattr(request, "is_refused", False):
            return  # what was on its way already
        if request.body_bytes > self._bodies.upload:
            _refuse(request, TooLong(413, f"The request is longer than {self._bodies.upload} bytes."))
        elif request.body_bytes <= self._most(request):
            _plain_handle_content_chunk(request, data)

    def process(self, request: Any) -> Any:
        """The whole request is there, of a socket too."""
        if getattr(request, "is_refused", False):
            return None
        if self._owns_server:
            # daphne would take the root path from it, and routing leaves that out of the path: a client would say itself
            # which part of its path is looked at.
            request.requestHeaders.removeHeader(b"Daphne-Root-Path")
        if self.covers(request):
            try:
                self._check(request)
            except TooLong as error:
                return _refuse(request, error)
        return _plain_process(request)

    def _check(self, request: Any) -> None:
        """Raises TooLong."""
        if getattr(request, "body_bytes", 0) > self._most(request):
            raise TooLong(413, f"The request is longer than {self._most(request)} bytes.")
        raw = request.requestHeaders.getAllRawHeaders()
        headers = [(name, value) for name, values in raw for value in values]
        query = request.uri.partition(b"?")[2]
        check_head(self._limits.max_query_bytes, self._limits.max_header_bytes, query, headers)

    def _most(self, request: Any) -> int:
        return self._bodies.most(request.getHeader(b"content-type") or b"")


def install(config: Config, prefix: str, *, owns_server: bool) -> None:
    """From now on every daphne server in this process answers 413 to longer bodies, 414 to longer queries, and 431 to more
    headers."""
    limited = _LimitedRequest(config, prefix, owns_server=owns_server)
    most = TWISTED_FACTOR * (config.limits.max_query_bytes + config.limits.max_header_bytes) + PATH_BYTES
    HTTPChannel.MAX_LENGTH = HTTPChannel.totalHeadersSize = most
    # Twisted would read forms here, recordings and all, on the event loop, for nobody: Django reads them, on a thread.
    WebRequest.__init__ = partialmethod(_plain_init, parsePOSTFormSubmission=False)
    WebRequest.handleContentChunk = lambda request, data: limited.handle_content_chunk(request, data)
    WebRequest.process = lambda request: limited.process(request)

    def basic_error(request: Any, status: int, status_text: bytes, body: str) -> None:
        (_answer_for_daphne if limited.covers(request) else _plain_basic_error)(request, status, status_text, body)

    WebRequest.basic_error = basic_error


def _answer_for_daphne(request: Any, status: int, status_text: bytes, body: str) -> None:
    """In place of its page. After the beginning of a response there is nothing to say any more."""
    if request._response_started:
        request.channel.transport.abortConnection()
        return
    code = status_text.decode("ascii").lower().replace(" ", "_")
    headers = [(b"Content-Type", b"application/json")]
    request.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
    request.handle_reply({"type": "http.response.body", "body": problem_body(code, body)})


def _refuse(request: Any, error: TooLong) -> None:
    request.is_refused = True
    body = problem_body(CODES[error.status], str(error))
    head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    request.channel.transport.write(head % (error.status, _REASONS[error.status], len(body)) + body)
    request.channel.loseConnection()
