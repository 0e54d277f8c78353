"""In front of Django: how many requests are worked on at once, before it is known whose they are.

Django gives every request a thread, and threads that compute hold up the event loop and each other. A request comes in when
all of it is there, and counts until it is known who asks, or what the answer is: speech that goes on counts elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.access.origin import address_of
from streaming.connection.addresses import network_of
from streaming.connection.paths import path_info_of
from streaming.connection.turnstile import Turnstile

# Of one process. A thread that waits for the database leaves the processor to the others.
MOST_INSIDE = 16
# In the scope of a request: to be called, by any thread, as soon as it is known whose it is.
KNOWN_KEY = "streaming.is_known"
App = Callable[[Any, Any, Any], Awaitable[None]]


class Entrance:
    """An ASGI application around another. `covers`: the paths whose requests wait for their turn."""

    def __init__(self, app: App, covers: Callable[[str], bool], most: int = MOST_INSIDE) -> None:
        self._app = app
        self._covers = covers
        self._turnstile = Turnstile(most)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._covers(path_info_of(scope)):
            await self._app(scope, receive, send)
            return
        passage = _Passage(self._turnstile, network_of(address_of(scope)))
        loop = asyncio.get_running_loop()

        async def receive_and_enter() -> Any:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                await passage.enter()
            return message

        async def leave_and_send(message: Any) -> None:
            passage.leave()
            await send(message)

        def is_known() -> None:
            loop.call_soon_threadsafe(passage.leave)

        try:
            await self._app(scope | {KNOWN_KEY: is_known}, receive_and_enter, leave_and_send)
        finally:
            passage.leave()


class _Passage:
    """One request's: it enters once and leaves once."""

    def __init__(self, turnstile: Turnstile, network: str) -> None:
        self._turnstile = turnstile
        self._network = network
        self._is_inside = self._has_left = False

    async def enter(self) -> None:
        if self._is_inside or self._has_left:
            return
        await self._turnstile.enter(self._network)
        self._is_inside = True

    def leave(self) -> None:
        self._has_left = True
        if self._is_inside:
            self._is_inside = False
            self._turnstile.leave()
