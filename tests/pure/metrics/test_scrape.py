"""Metrics come while the threads of the event loop are busy."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

from streaming.metrics.scrape import Scrape
from streaming.metrics.server_metrics import ServerMetrics


class Told:
    """In place of all metrics."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        return b"told", "text/plain"


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that is not asked."""


@contextmanager
def stuck_executor() -> Iterator[ThreadPoolExecutor]:
    """Its thread waits, as for a storage."""
    released = threading.Event()
    executor = ThreadPoolExecutor(1)
    executor.submit(released.wait)
    try:
        yield executor
    finally:
        released.set()


async def test_metrics_come_while_the_threads_of_the_event_loop_are_stuck() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scrape = Scrape(nothing, cast(ServerMetrics, Told()), "", "token")
    scope = {"type": "http", "path": "/metrics", "method": "GET", "headers": [(b"authorization", b"Bearer token")]}
    with stuck_executor() as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        async with asyncio.timeout(60):
            await scrape(scope, None, send)
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"told")
