"""Metrics come while the event loop stands still."""

import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest

from benchmarks.live_server import free_port
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.metrics.own_port import MetricsPort
from streaming.metrics.server_metrics import ServerMetrics
from tests.live.scraping import Metrics


@pytest.fixture
def metrics() -> Iterator[ServerMetrics]:
    executor = Executor(EngineSpec("demo", {"threads": 1}), max_running=3, max_waiting=1)
    made = ServerMetrics(executor, strangers=lambda: 2, dropped_messages=lambda: 0)
    yield made
    made.stop()


async def test_a_loop_that_stands_still_is_told_of(metrics: ServerMetrics) -> None:
    metrics.start()
    port = free_port()
    MetricsPort(metrics.exposition, "127.0.0.1", port).start()
    told = 0.0
    while not told:  # without the loop, which does nothing meanwhile
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:  # noqa: ASYNC210
            told = Metrics(answer.read().decode()).value("speech_event_loop_overdue_seconds")
    assert told > 0


async def test_sockets_wait_whose_client_has_not_said_who_it_is(metrics: ServerMetrics) -> None:
    text, _ = metrics.exposition("")
    assert Metrics(text.decode()).value("speech_connections", state="waiting") == 2
