"""Bounds a request before anybody works on it: its body while it arrives, since daphne would store all of it first; its
query and its headers, of sockets too.

daphne and Twisted would drop these silently; here the refusal is JSON and names the limit. Forms with files may be
as long as an upload; every other body is read at once, on the event loop, and must be short. What daphne itself refuses or
gives up is told in the same way, and not as a page.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partialmethod
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from daphne.utils import parse_x_forwarded_for
from twisted.web.http import HTTPChannel

from streaming.conf import Config
from streaming.connection.paths import path_info_of
from streaming.http.problems import Problem
from streaming.http.request_limits import BodyLimits, TooLong, check_declared_length, check_head, problem_body
from streaming.http.uploads import Uploads, is_decided_by_head
from streaming.logs.request_id import new_request_id

# Above our own limits, so that these come first: as much again for what is cut in one piece, and the path.
TWISTED_FACTOR = 2
PATH_BYTES = 8192

_plain_init = WebRequest.__init__
_plain_got_length = WebRequest.gotLength
_plain_handle_content_chunk = WebRequest.handleContentChunk
_plain_process = WebRequest.process
_plain_basic_error = WebRequest.basic_error


class _LimitedRequest:
    """What is put in place of the methods of daphne's requests. `covers`: the paths that the limits are for."""

    def __init__(self, config: Config, uploads: Uploads, covers: Callable[[str], bool], *, owns_server: bool) -> None:
        self._limits = config.limits
        self._bodies = BodyLimits.of(config)
        self._uploads = uploads
        self._covers = covers
        self._owns_server = owns_server

    def covers(self, request: Any) -> bool:
        """Whether the limits are for it. Looked up once: a body comes in many pieces."""
        if not hasattr(request, "is_limited"):
            request.is_limited = self._covers(path_info_of_head(request.channel))
        return bool(request.is_limited)

    def got_length(self, request: Any, length: int | None) -> None:
        """The head is there, and nothing of the body has been looked at."""
        _plain_got_length(request, length)
        headers = _headers_of(request)
        request.most, request.refusal, request.decision = self._bodies.without_files(headers), None, None
        if not self.covers(request):
            return
        try:
            self._check_head(request)
            if not is_decided_by_head(headers):
                return
            check_declared_length(headers, self._bodies.upload)
        except Problem as error:
            _refuse(request, error)
            return
        request.channel._networkProducer.pauseProducing()
        request.decision = asyncio.ensure_future(self._decide(request, _scope_of(request, headers)))

    async def _decide(self, request: Any, scope: dict[str, Any]) -> None:
        """What the client may send, if anything."""
        try:
            if await self._uploads.may_be_long(scope):
                stack = ExitStack()
                stack.enter_context(self._uploads.one_more(scope))
                request.most = self._bodies.upload
                request.notifyFinish().addBoth(lambda _: stack.close())
        except Problem as problem:
            request.refusal = problem
        finally:
            if request.channel is not None:
                request.channel._networkProducer.resumeProducing()

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
        elif request.refusal is None and request.body_bytes <= request.most:
            _plain_handle_content_chunk(request, data)

    def process(self, request: Any) -> Any:
        """The whole request is there, of a socket too."""
        if getattr(request, "is_refused", False):
            return None
        if request.decision and not request.decision.done():
            request.decision.add_done_callback(lambda _: self.process(request))
            return None
        if request.channel is None:  # the client did not wait for the decision
            return None
        if self._owns_server:
            # daphne would take the root path from it, and routing leaves that out of the path: a client would say itself
            # which part of its path is looked at.
            request.requestHeaders.removeHeader(b"Daphne-Root-Path")
        if self.covers(request):
            try:
                self._check(request)
            except Problem as error:
                return _refuse(request, error)
        return _plain_process(request)

    def _check(self, request: Any) -> None:
        """Raises Problem."""
        if request.refusal:
            raise request.refusal
        if getattr(request, "body_bytes", 0) > request.most:
            raise TooLong(413, f"The request is longer than {request.most} bytes.")

    def _check_head(self, request: Any) -> None:
        """Raises Problem."""
        raw = request.requestHeaders.getAllRawHeaders()
        headers = [(name, value) for name, values in raw for value in values]
        query = request.channel._path.partition(b"?")[2]
        check_head(self._limits.max_query_bytes, self._limits.max_header_bytes, query, headers)


def install(config: Config, uploads: Uploads, covers: Callable[[str], bool], *, owns_server: bool) -> None:
    """From now on every daphne server in this process answers 413 to longer bodies, 414 to longer queries, and 431 to more
    headers."""
    limited = _LimitedRequest(config, uploads, covers, owns_server=owns_server)
    most = TWISTED_FACTOR * (config.limits.max_query_bytes + config.limits.max_header_bytes) + PATH_BYTES
    HTTPChannel.MAX_LENGTH = HTTPChannel.totalHeadersSize = most
    # Twisted would read forms here, recordings and all, on the event loop, for nobody: Django reads them, on a thread.
    WebRequest.__init__ = partialmethod(_plain_init, parsePOSTFormSubmission=False)
    WebRequest.gotLength = lambda request, length: limited.got_length(request, length)
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
    name = new_request_id()
    headers = [(b"Content-Type", b"application/json"), (b"request-id", name.encode())]
    request.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
    request.handle_reply({"type": "http.response.body", "body": problem_body(Problem(status, code, body), name)})


def _refuse(request: Any, error: Problem) -> None:
    request.is_refused = True
    name = new_request_id()
    body = problem_body(error, name)
    headers = {"Content-Type": "application/json", "Connection": "close", "Content-Length": str(len(body))}
    headers["request-id"] = name
    lines = [f"HTTP/1.1 {int(error.status)} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (headers | dict(error.headers)).items()]
    request.channel.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
    request.channel.loseConnection()


def path_info_of_head(channel: Any) -> str:
    """Of the request whose head has come last, as routing sees it."""
    return path_info_of({"path": _path_of(channel), "root_path": channel.factory.server.root_path})


def _path_of(channel: Any) -> str:
    """daphne decodes it in the same way."""
    return unquote(channel._path.partition(b"?")[0].decode("ascii", "replace"))


def _headers_of(request: Any) -> dict[bytes, bytes]:
    return {name.lower(): values[-1] for name, values in request.requestHeaders.getAllRawHeaders()}


def _scope_of(request: Any, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """As much of its ASGI scope as the head tells."""
    channel, server = request.channel, request.server
    peer = channel.getPeer()
    client: Any = [str(peer.host), peer.port] if hasattr(peer, "host") else None
    if server.proxy_forwarded_address_header:
        client, _ = parse_x_forwarded_for(
            request.requestHeaders,
            server.proxy_forwarded_address_header,
            server.proxy_forwarded_port_header,
            server.proxy_forwarded_proto_header,
            client,
        )
    return {
        "type": "http",
        "method": channel._command.decode("ascii", "replace"),
        "path": _path_of(channel),
        "root_path": server.root_path,
        "headers": list(headers.items()),
        "client": client,
    }
