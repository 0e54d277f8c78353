"""The ASGI application of speech around a project's own. It starts when a server serves it, and ends with that server:
uvicorn says so by lifespan events, daphne by its reactor; with any other server it starts with the first connection.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.connection.door import Door
from streaming.connection.paths import path_info_of, tidy, with_path_info
from streaming.http.entrance import Entrance
from streaming.http.front import HttpFront
from streaming.http.paths import ApiPaths, speech_prefix
from streaming.http.request_limits import RequestLimits
from streaming.http.uploads import Uploads
from streaming.metrics.scrape import Scrape
from streaming.metrics.server_metrics import ServerMetrics
from streaming.serving.drain import Admission, Drain
from streaming.serving.health import Health
from streaming.serving.life import Life
from streaming.serving.lifespan import WrappedLifespan
from streaming.serving.request_names import RequestNames
from streaming.serving.server_parts import ServerParts
from streaming.sockets.routing import SocketRouter, is_speech_path
from voices.database_waits import wait_at_most

logger = logging.getLogger("streaming")

# How long what is not of the API waits for the database each time: pages of the admin, whose forms are long transactions.
OTHERS_WAIT_SECONDS = 10.0
App = Callable[[Any, Any, Any], Awaitable[None]]
# How Django's own application and Channels' routers say that they have nothing for a socket.
NO_APPLICATION = ("Django can only handle", "No application configured", "No route found")


class SpeechApplication:
    """One server process of speech around another ASGI application."""

    def __init__(
        self,
        application: App,
        parts: ServerParts,
        live_path: str | None,
        ready_path: str | None,
        owns_server: bool,
        names_by_proxy: bool = False,
    ) -> None:
        self._prefix = prefix = speech_prefix()
        self.parts = parts
        if owns_server:  # all threads are of this server, those of its admin too
            wait_at_most(OTHERS_WAIT_SECONDS)
        self._owns_server = owns_server
        self._application = application
        self._front = HttpFront(application, parts.for_http, prefix)
        self._api_paths = ApiPaths(prefix)
        limits = parts.config.limits
        self._door = Door(
            parts.capacity.requests,
            2 * parts.capacity.responses,  # beside those that speak there are others
            head_seconds=limits.request_head_seconds,
            body_seconds=limits.request_body_seconds,
        )
        drain = Drain(parts.open_sockets, self._door, parts.config.service.drain_seconds)
        self._life = Life(parts, drain)
        http = Health(
            Admission(Entrance(self._front, self._has_limits), drain, self._has_limits),
            parts.executor,
            parts.forwarding,
            drain,
            data_dir=parts.config.service.data_dir,
            redis_url=parts.config.redis_url,
            live_path=live_path,
            ready_path=ready_path,
        )
        sockets = SocketRouter(prefix, parts.for_sockets, otherwise=RefusingSockets(application))
        self._uploads = Uploads(parts.config, parts.gate.keys, self._api_paths, owns_server=owns_server)
        scrape = Scrape(http, parts.metrics, prefix, parts.config.metrics.token)
        self._http = self._named(RequestLimits(scrape, parts.config, self._uploads, self._has_limits), names_by_proxy)
        self._sockets = self._named(
            RequestLimits(sockets, parts.config, self._uploads, self._has_limits), names_by_proxy
        )
        self._wait_for_uvicorn()
        self._waits_for_daphne = False
        # daphne installs the reactor before it imports an application. Where the reactor never runs, nothing happens.
        self._wait_for_daphne()

    @property
    def metrics(self) -> ServerMetrics:
        """A collector, for a registry of the project's own."""
        return self.parts.metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(scope, receive, send)
            case "http":
                self._begin()
                await self._http(self._with_path_that_is_meant(scope), receive, send)
            case "websocket":
                self._begin()
                await self._sockets(self._with_path_that_is_meant(scope), receive, send)
            case _:
                await self._application(scope, receive, send)

    async def _part(self) -> None:
        """uvicorn is about to close everything: after a signal, which came first to us, or by itself."""
        await self._life.leave()
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """The server ends: sockets are told so, and responses must not be taken for whole ones."""
        for failure in await asyncio.gather(self._front.break_off(), self.parts.say_goodbye(), return_exceptions=True):
            if isinstance(failure, Exception):
                logger.error("Not everybody could be told that the server ends", exc_info=failure)

    def _with_path_that_is_meant(self, scope: Any) -> Any:
        """Before anybody in here looks at the path. The servers' parts, which look before, ask the two methods below."""
        path_info = path_info_of(scope)
        meant = self._api_paths.meant_by(path_info)
        return scope if meant == path_info else with_path_info(scope, meant)

    def _named(self, app: App, names_by_proxy: bool) -> RequestNames:
        return RequestNames(app, self._has_limits, believes_proxy=names_by_proxy)

    def _has_limits(self, path_info: str) -> bool:
        meant = self._api_paths.meant_by(path_info)
        return self._owns_server or meant in self._api_paths or is_speech_path(meant, self._prefix)

    def _may_have_secrets(self, path_info: str) -> bool:
        """In the query. A path with a slip in it as well."""
        return self._owns_server or tidy(path_info).startswith((f"/{self._prefix}v1/", f"/{self._prefix}v2/"))

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        wrapped = WrappedLifespan(self._application, scope)
        await receive()
        if (failure := await wrapped.startup()) is not None:
            await send({"type": "lifespan.startup.failed", "message": failure})
            return
        self._give_uvicorn_what_it_lacks()
        self.parts.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._say_goodbye()
        await self.parts.stop()
        await wrapped.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    def _wait_for_uvicorn(self) -> None:
        """It imports an application before it starts."""
        if "uvicorn.server" in sys.modules:
            from streaming.uvicorn.life import when_uvicorn_serves

            when_uvicorn_serves(self._life.begin)

    def _give_uvicorn_what_it_lacks(self) -> None:
        if "uvicorn.server" in sys.modules:
            from streaming.uvicorn import door, flow_control, intake, quiet_log

            flow_control.install(self._part)
            intake.install()
            door.install(self._door, self._has_limits, owns_server=self._owns_server)
            quiet_log.install(self._may_have_secrets)

    def _begin(self) -> None:
        """A connection has come: by now there is a server, whether or not it has said so."""
        self._wait_for_daphne()
        self.parts.start()

    def _wait_for_daphne(self) -> None:
        if self._waits_for_daphne or "twisted.internet.reactor" not in sys.modules:
            return
        self._waits_for_daphne = True
        from streaming.daphne.life import when_daphne_serves

        when_daphne_serves(
            self.parts.config,
            self._uploads,
            self._door,
            self._has_limits,
            owns_server=self._owns_server,
            may_have_secrets=self._may_have_secrets,
            start=self._life.begin,
            say_goodbye=self._say_goodbye,
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
        except ValueError as error:
            if has_answered or not str(error).startswith(NO_APPLICATION):
                raise
            logger.info("A socket for %r is refused: nothing is there", scope["path"])
            await send({"type": "websocket.close"})
