"""How a server process leaves: what has begun is finished first, within bounds.

`/readyz` says 503 at once. Where others listen at the same socket, this process accepts nothing more, and serves those that
it has accepted. Otherwise it goes on listening, so that those who come are told that it ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from streaming.connection.door import Door
from streaming.connection.paths import path_info_of
from streaming.connection.refusing import refuse
from streaming.errors import NOT_ADMITTING
from streaming.sockets.open_sockets import OpenSockets

logger = logging.getLogger("streaming")

App = Callable[[Any, Any, Any], Awaitable[None]]
# Of the body of a request that is refused: whoever has sent all of it comes to read the answer.
MOST_READ_BYTES = 2**20


class Drain:
    """`seconds`: how long it may take. `has_begun`: what is new is not for this process any more, and it is refused if
    `refuses`."""

    def __init__(self, sockets: OpenSockets, door: Door, seconds: float) -> None:
        self._sockets = sockets
        self._door = door
        self._seconds = seconds
        self.has_begun = False
        self.refuses = False

    def begin(self, *, refuses: bool) -> None:
        """`refuses`: nobody else serves those who come."""
        self.has_begun, self.refuses = True, refuses
        self._sockets.leave(NOT_ADMITTING if refuses else None)
        self._door.close()
        logger.info(
            "Shutting down: %d sockets and %d HTTP connections have up to %g s to finish; a second signal ends them at once",
            *(self._sockets.remaining, self._door.remaining, self._seconds),
        )

    async def wait(self) -> None:
        """Until all are gone, or the time is over."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._sockets.have_left()
                await self._door.have_left()
        except TimeoutError:
            logger.warning(
                "%d sockets and %d HTTP connections have not finished in %g s, and are ended",
                *(self._sockets.remaining, self._door.remaining, self._seconds),
            )


class Admission:
    """An ASGI application around another: refuses requests for the paths that are covered, or has them close their
    connection, when the server ends."""

    def __init__(self, app: App, drain: Drain, covers: Callable[[str], bool]) -> None:
        self._app = app
        self._drain = drain
        self._covers = covers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._drain.has_begun or not self._covers(path_info_of(scope)):
            await self._app(scope, receive, send)
        elif self._drain.refuses:
            await _read(receive)
            headers = {"Retry-After": str(NOT_ADMITTING.retry_after)}
            await refuse(scope, send, NOT_ADMITTING.status, NOT_ADMITTING.code, NOT_ADMITTING.message, headers)
        else:
            await self._app(scope, receive, _closing(send))


async def _read(receive: Any) -> None:
    size, has_more = 0, True
    while has_more and size < MOST_READ_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        has_more = message.get("more_body", False)


def _closing(send: Any) -> Any:
    """The same, with a header by which the client uses another connection for its next request."""

    async def send_and_close(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
            message = message | {"headers": [*headers, (b"connection", b"close")]}
        await send(message)

    return send_and_close
