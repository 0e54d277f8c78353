"""Path -> consumer, for requests that may come from where they come from."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.urls.resolvers import RoutePattern

from streaming.access.origin import check_where_from
from streaming.connection.paths import path_info_of
from streaming.connection.refusing import refuse
from streaming.connection.transport import GONE_KEY, limit_connection_of
from streaming.errors import Refused
from streaming.sockets.endpoints import MultiStreamInputConsumer, StreamInputConsumer
from streaming.sockets.inbox import Inbox
from streaming.sockets.parts import Parts

App = Callable[[Any, Any, Any], Awaitable[None]]


def is_speech_path(path_info: str, prefix: str) -> bool:
    """Whether it is the path of a speech socket, of whichever voice."""
    return path_info.startswith(f"/{prefix}v1/text-to-speech/") and path_info.endswith("stream-input")


class SocketRouter:
    """The speech endpoints below `prefix`, "speech/" or "" for instance. Sockets of other paths go to `otherwise`."""

    def __init__(self, prefix: str, parts: Parts, otherwise: App) -> None:
        # Any text may stand for a voice here, percent-encoded slashes included: the voices decide, not the routing.
        path = f"{prefix}v1/text-to-speech/<path:voice_id>/"
        self._routes: list[tuple[RoutePattern, App]] = [
            (RoutePattern(path + "stream-input", is_endpoint=True), StreamInputConsumer.as_asgi(parts=parts)),
            (
                RoutePattern(path + "multi-stream-input", is_endpoint=True),
                MultiStreamInputConsumer.as_asgi(parts=parts),
            ),
        ]
        self._config = parts.config
        self._otherwise = otherwise

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_info_of(scope).removeprefix("/")
        for pattern, consumer in self._routes:
            if match := pattern.match(path):
                await self._speak(consumer, scope | {"url_route": {"args": (), "kwargs": match[2]}}, receive, send)
                return
        await self._otherwise(scope, receive, send)

    async def _speak(self, consumer: App, scope: Any, receive: Any, send: Any) -> None:
        try:
            check_where_from(scope, self._config)
        except Refused as error:
            await refuse(scope, send, error.status, error.code, error.message)
            return
        limit_connection_of(scope)
        max_per_second = self._config.limits.max_messages_per_second
        inbox = Inbox(receive, max_per_second=max_per_second, is_gone=scope.get(GONE_KEY, lambda: False))
        await consumer(scope, inbox.receive, send)
