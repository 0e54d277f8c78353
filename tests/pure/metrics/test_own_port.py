"""Metrics come while the event loop stands still."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.metrics.own_port import MOST_UNREAD, MetricsPort
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
    port = MetricsPort(metrics.exposition, "127.0.0.1", 0).start()
    told = 0.0
    while not told:  # without the loop, which does nothing meanwhile
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:  # noqa: ASYNC210
            told = Metrics(answer.read().decode()).value("speech_event_loop_overdue_seconds")
    assert told > 0


async def test_sockets_wait_whose_client_has_not_said_who_it_is(metrics: ServerMetrics) -> None:
    text, _ = metrics.exposition("")
    assert Metrics(text.decode()).value("speech_connections", state="waiting") == 2


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nHost: "])
def test_clients_that_do_not_finish_their_requests_keep_no_other_away(metrics: ServerMetrics, said: bytes) -> None:
    port = MetricsPort(metrics.exposition, "127.0.0.1", 0).start()
    with ExitStack() as silent:
        for _ in range(MOST_UNREAD + 30):
            silent.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(said)
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).status_code == 200


def test_a_client_that_does_not_finish_its_request_is_left(metrics: ServerMetrics) -> None:
    port = MetricsPort(metrics.exposition, "127.0.0.1", 0).start()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert client.recv(1) == b""


def test_metrics_that_fail_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> tuple[bytes, str]:
        raise KeyError("a mistake")

    port = MetricsPort(broken, "127.0.0.1", 0).start()
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).status_code == 500
    assert "KeyError: 'a mistake'" in caplog.text
