"""From the moment when a server listens to the moment when it may end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from streaming.connection.listening import Listener
from streaming.serving.drain import Drain
from streaming.serving.held_signals import HeldSignals
from streaming.serving.server_parts import ServerParts
from streaming.serving.supervisor import READY, STOPPING, notify

logger = logging.getLogger("streaming")


class Life:
    """Of one server process. Passed sockets are not accepted from before the engine can speak, and not after a signal to
    end; the server itself gets that signal when all that had begun is over."""

    def __init__(self, parts: ServerParts, drain: Drain) -> None:
        self._parts = parts
        self._drain = drain
        self._signals = HeldSignals(self._begin_to_leave)
        self._listener: Listener | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, listener: Listener) -> None:
        """On the event loop, when the server has its own signal handlers."""
        self._listener = listener
        self._signals.install()
        self._parts.start()
        if listener.is_passed:
            logger.info("Connections on the passed socket are accepted when the engine is ready")
        self._in_background(self._open(listener))

    async def leave(self) -> None:
        """For a server that ends by itself: wait until all that has begun is over. Returns at once after a signal."""
        if not self._drain.has_begun:
            self._stop_admitting()
            await self._drain.wait()

    async def _open(self, listener: Listener) -> None:
        await self._parts.executor.ready()
        if self._drain.has_begun:
            return
        if listener.is_passed:
            listener.accept()
        notify(READY)

    def _begin_to_leave(self) -> None:
        self._stop_admitting()
        self._in_background(self._finish())

    def _stop_admitting(self) -> None:
        notify(STOPPING)
        is_handed_over = self._listener is not None and self._listener.is_passed
        if self._listener and is_handed_over:
            self._listener.stop_accepting()
        self._drain.begin(refuses=not is_handed_over)

    async def _finish(self) -> None:
        await self._drain.wait()
        self._signals.release()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
