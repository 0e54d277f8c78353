"""The ASGI application of speech around a project's own. It starts when a server serves it, and ends with that server:
uvicorn says so by lifespan events, daphne by its reactor; with any other server it starts with the first connection.
"""

import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.http.front import HttpFront
from streaming.http.paths import ApiPaths, speech_prefix
from streaming.http.request_limits import RequestLimits
from streaming.serving.health import Health
from streaming.serving.server_parts import ServerParts
from streaming.sockets.routing import SocketRouter, is_speech_path

logger = logging.getLogger("streaming")

App = Callable[[Any, Any, Any], Awaitable[None]]


class SpeechApplication:
    """One server process of speech around another ASGI application."""

    def __init__(
        self, application: App, parts: ServerParts, live_path: str | None, ready_path: str | None, owns_server: bool
    ) -> None:
        self._prefix = prefix = speech_prefix()
        self.parts = parts
        self._owns_server = owns_server
        self._application = application
        http = Health(
            HttpFront(application, parts.for_http, prefix),
            parts.executor,
            parts.forwarding,
            redis_url=parts.config.redis_url,
            live_path=live_path,
            ready_path=ready_path,
        )
        sockets = SocketRouter(prefix, parts.for_sockets, otherwise=RefusingSockets(application))
        self._http = RequestLimits(http, parts.config, self._has_limits)
        self._sockets = RequestLimits(sockets, parts.config, self._has_limits)
        self._api_paths = ApiPaths(prefix)
        if "twisted.internet.reactor" in sys.modules:
            # daphne installs the reactor before it imports an application. Where the reactor never runs, nothing happens.
            self._wait_for_daphne()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.parts.start()
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._sockets(scope, receive, send)
            case _:
                await self._application(scope, receive, send)

    def _has_limits(self, path_info: str) -> bool:
        return self._owns_server or path_info in self._api_paths or is_speech_path(path_info, self._prefix)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._give_uvicorn_what_it_lacks()
                self.parts.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.parts.say_goodbye()
                await self.parts.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _give_uvicorn_what_it_lacks(self) -> None:
        if "uvicorn.server" in sys.modules:
            from streaming.uvicorn import flow_control

            flow_control.install(self.parts.say_goodbye)

    def _wait_for_daphne(self) -> None:
        from streaming.daphne.life import when_daphne_serves

        when_daphne_serves(
            self.parts.config,
            self._prefix,
            owns_server=self._owns_server,
            start=self.parts.start,
            say_goodbye=self.parts.say_goodbye,
            stop=self.parts.executor.stop,
        )


class RefusingSockets:
    """Sockets that are not for speech go to the wrapped application, and are refused where it takes none."""

    def __init__(self, application: App) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        has_answered = False

        async def note(message: Any) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            await self._application(scope, receive, note)
        except ValueError:
            # Django's own application and Channels' routers raise this for what they have no application for.
            if has_answered:
                raise
            logger.info("A socket for %r is refused: nothing is there", scope["path"])
            await send({"type": "websocket.close"})
