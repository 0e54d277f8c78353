"""Each socket and each request has a name, in the log and in its answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from streaming.connection.paths import path_info_of
from streaming.logs.request_id import REQUEST_ID_KEY, current_request_id, is_well_formed, new_request_id

# ElevenLabs' name of the header.
HEADER = b"request-id"
PROXYS_HEADER = b"x-request-id"
ANSWERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
App = Callable[[Any, Any, Any], Awaitable[None]]


class RequestNames:
    """An ASGI application around another, for the paths that it `covers`. `believes_proxy`: a proxy in front of the server
    names requests (X-Request-ID)."""

    def __init__(self, app: App, covers: Callable[[str], bool], *, believes_proxy: bool) -> None:
        self._app = app
        self._covers = covers
        self._believes_proxy = believes_proxy

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._covers(path_info_of(scope)):
            await self._app(scope, receive, send)
            return
        name = self._name_of(scope)
        header = (HEADER, name.encode("ascii"))

        async def send_named(message: Any) -> None:
            if message["type"] in ANSWERS:
                others = [pair for pair in message.get("headers", ()) if pair[0].lower() != HEADER]
                message = message | {"headers": [*others, header]}
            await send(message)

        token = current_request_id.set(name)
        try:
            await self._app(scope | {REQUEST_ID_KEY: name}, receive, send_named)
        finally:
            current_request_id.reset(token)

    def _name_of(self, scope: Any) -> str:
        if self._believes_proxy:
            given = [value for header, value in scope["headers"] if header.lower() == PROXYS_HEADER]
            if len(given) == 1 and is_well_formed(name := str(given[0], "latin-1")):
                return name
        return new_request_id()
