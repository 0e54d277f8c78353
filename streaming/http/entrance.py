"""In front of Django: how many requests are worked on at once, before it is known whose they are.

Django gives every request a thread, and threads that compute hold up the event loop and each other. A request comes in when
all of it is there, and counts until it is known who asks, or what the answer is: speech that goes on counts elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.access.origin import address_of
from streaming.connection.addresses import SITE, network_of
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
        passage = _Passage(self._turnstile, network_of(address_of(scope), SITE), receive)
        loop = asyncio.get_running_loop()

        async def leave_and_send(message: Any) -> None:
            passage.leave()
            await send(message)

        def is_known() -> None:
            loop.call_soon_threadsafe(passage.leave)

        try:
            await self._app(scope | {KNOWN_KEY: is_known}, passage.receive, leave_and_send)
        finally:
            passage.leave()
            passage.stop_listening()


class _Passage:
    """The passage of one request: it enters once and leaves once."""

    def __init__(self, turnstile: Turnstile, network: str, receive: Any) -> None:
        self._turnstile = turnstile
        self._network = network
        self._receive = receive
        self._is_inside = self._has_left = False
        # What comes after the request, while that waits for its turn.
        self._next: asyncio.Future[Any] | None = None

    async def receive(self) -> Any:
        """The server's next message. The last of the request waits for its turn."""
        if self._next is not None:
            coming, self._next = self._next, None
            return await coming
        message = await self._receive()
        if message["type"] != "http.request" or message.get("more_body", False) or self._is_inside or self._has_left:
            return message
        if self._turnstile.enter_now():
            self._is_inside = True
            return message
        return message if await self._enter() else await self.receive()

    def leave(self) -> None:
        self._has_left = True
        if self._is_inside:
            self._is_inside = False
            self._turnstile.leave()

    def stop_listening(self) -> None:
        if self._next is not None:
            self._next.cancel()

    async def _enter(self) -> bool:
        """Wait for the turn. False if the client has gone meanwhile; the next message says so."""
        turn = asyncio.ensure_future(self._turnstile.enter(self._network))
        self._next = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((turn, self._next), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not turn.done():
                turn.cancel()
            elif not turn.cancelled():
                self._come_in()
        return self._is_inside or self._has_left

    def _come_in(self) -> None:
        if self._has_left:  # it was answered while it waited
            self._turnstile.leave()
        else:
            self._is_inside = True
