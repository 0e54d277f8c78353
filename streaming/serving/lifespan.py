"""The lifespan of a wrapped application, for one that has any: most, Django's own among them, raise instead of answering."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]


class WrappedLifespan:
    """Hands on startup and shutdown, and waits for the answer to each."""

    def __init__(self, application: App, scope: Any) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._task = asyncio.ensure_future(application(dict(scope), self._events.get, self._answers.put))

    async def startup(self) -> str | None:
        """What has failed, if the application says so."""
        answer = await self._ask("lifespan.startup")
        return str(answer.get("message", "")) if answer["type"] == "lifespan.startup.failed" else None

    async def shutdown(self) -> None:
        await self._ask("lifespan.shutdown")
        with suppress(Exception):
            await self._task

    async def _ask(self, event: str) -> Any:
        """The answer; that all is well, if the application has ended: it knows no lifespan."""
        if not self._task.done():
            await self._events.put({"type": event})
            answer = asyncio.ensure_future(self._answers.get())
            await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            answer.cancel()
        with suppress(Exception):
            await self._task  # what it raised is its way to say that it knows no lifespan
        return {"type": f"{event}.complete"}
