"""The ASGI application around Django's: what every request brings with it, and how a response that cannot go on ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

from streaming.access.origin import address_of
from streaming.daphne.flow_control import ABORT
from streaming.http.backend import SCOPE_KEY, Backend, Caller, Exchange
from streaming.http.problems import problem_of

logger = logging.getLogger("streaming.http")

# How long a request that is broken off may take to be cleared away.
GOODBYE_SECONDS = 1.0
App = Callable[[Any, Any, Any], Awaitable[None]]


class SpeechFront:
    """Hands the backend to the views."""

    def __init__(self, app: App, backend: Backend) -> None:
        self._app = app
        self._backend = backend

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        serving = asyncio.create_task(self._serve(scope, receive, send))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            # daphne shuts down. Django would take this for its own end, and leave the view to itself; of a client that is
            # gone it knows what to do.
            await send({"type": ABORT})
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, GOODBYE_SECONDS)
            raise

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            async with AsyncExitStack() as closing:
                exchange = Exchange(Caller(address_of(scope)), self._backend, closing)
                await self._app(scope | {SCOPE_KEY: exchange}, receive, send)
        except Exception as error:
            # Django answers what fails before the status has gone out: this failed behind it.
            logger.warning("A response was broken off: %s", problem_of(error))
            await send({"type": ABORT})
