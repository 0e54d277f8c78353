"""Two servers with one Redis: what a key may do counts in both together."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send, speak
from tests.live.keys import make_keys
from tests.live.redis_server import RedisServer

TEXT = "The weather is fine today. "
CHARS_PER_MINUTE = 1200
# Speech at the speed of a listener, so that a stream lasts.
QUERY = "?target_lead_ms=100"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """One on each of the web servers, with one folder of data."""
    with ExitStack() as running:
        redis_server = running.enter_context(RedisServer(tmp_path_factory.mktemp("redis")))
        yield [
            running.enter_context(new_server(tmp_path_factory.mktemp(program), redis_server, program=program))
            for program in ("uvicorn", "daphne")
        ]


def new_server(folder: Path, redis_server: RedisServer, **settings: Any) -> LiveServer:
    data = redis_server.directory / "var"
    service = {"data_dir": str(data), "server": settings["program"], "max_concurrency": 16}
    limits = {"max_chars_per_minute": CHARS_PER_MINUTE, "redis_answer_seconds": settings.get("answer_seconds", 60)}
    return LiveServer(write_settings(folder, service=service, limits=limits, redis_url=redis_server.url))


async def begin(server: LiveServer, secret: str) -> tuple[Any, bool]:
    """A stream on a socket, and whether it was let in."""
    socket = await server.connect(query=QUERY, additional_headers={"xi-api-key": secret})
    await send(socket, text=TEXT * 2, flush=True)
    first = json.loads(await socket.recv())
    assert "audio" in first or first["error"] == "too_many_concurrent_requests"
    return socket, "audio" in first


async def test_streams_of_both_count_together(pair: list[LiveServer]) -> None:
    secret = make_keys(pair[0], together={"max_concurrent_streams": 3})["together"]
    async with AsyncExitStack() as ending:
        begun = await asyncio.gather(*(begin(server, secret) for server in pair for _ in range(4)))
        for socket, _ in begun:
            ending.push_async_callback(socket.close)
        assert sum(is_in for _, is_in in begun) == 3


async def test_a_stream_that_ends_at_one_is_free_at_the_other(pair: list[LiveServer]) -> None:
    secret = make_keys(pair[0], freed={"max_concurrent_streams": 1})["freed"]
    socket, is_in = await begin(pair[0], secret)
    assert is_in
    await socket.close()
    async with asyncio.timeout(60):
        while not (found := await begin(pair[1], secret))[1]:
            await found[0].close()
    await found[0].close()


async def test_requests_of_both_count_together(pair: list[LiveServer]) -> None:
    secret = make_keys(pair[0], asking={"max_requests_per_second": 0.01})["asking"]
    headers = {"xi-api-key": secret}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        addresses = [f"{server.base_url}/v1/models" for server in pair for _ in range(5)]
        answers = await asyncio.gather(*map(client.get, addresses))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 9


async def test_characters_of_both_count_together(pair: list[LiveServer]) -> None:
    """What is refused is refused for a reason, and what is let through is a minute's and what the time gives."""
    headers = {"xi-api-key": make_keys(pair[0], reading={})["reading"]}
    text = "ab" * 50
    began = time.monotonic()
    async with httpx.AsyncClient(headers=headers, timeout=120) as client:
        addresses = [f"{server.base_url}/v1/text-to-speech/demo" for server in pair for _ in range(20)]
        answers = await asyncio.gather(*(client.post(address, json={"text": text}) for address in addresses))
    seconds = time.monotonic() - began
    spoken = len(text) * sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert CHARS_PER_MINUTE <= spoken <= CHARS_PER_MINUTE * (1 + seconds / 60)


async def test_a_server_that_was_killed_keeps_no_stream_of_a_key(tmp_path: Path) -> None:
    with ExitStack() as running:
        redis_server = running.enter_context(RedisServer(tmp_path))
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        one, two = (
            running.enter_context(new_server(folder, redis_server, program="uvicorn", answer_seconds=10))
            for folder in folders
        )
        secret = make_keys(one, killed={"max_concurrent_streams": 2})["killed"]
        staying, *others = [await begin(server, secret) for server in (two, one, two)]
        assert [staying[1], *(is_in for _, is_in in others)] == [True, True, False]
        one.process.send_signal(signal.SIGKILL)
        async with asyncio.timeout(60):
            while not (found := await begin(two, secret))[1]:
                await found[0].close()
        await send(staying[0], text="")
        assert (await receive_all(staying[0])).is_final
        for socket, _ in (*others, found):
            await socket.close()


async def test_a_redis_that_is_stopped_lets_each_server_count_alone(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path) as redis_server,
        new_server(tmp_path, redis_server, program="uvicorn", answer_seconds=1) as server,
    ):
        secret = make_keys(server, alone={"max_concurrent_streams": 1})["alone"]
        redis_server.process.send_signal(signal.SIGSTOP)
        socket, is_in = await begin(server, secret)
        assert is_in
        other, is_in = await begin(server, secret)
        assert not is_in
        await send(socket, text="")
        redis_server.process.send_signal(signal.SIGCONT)
        server.wait_until(lambda: "Redis answers again" in server.log)
        assert server.log.count("Redis does not count") == 1
        assert (await receive_all(other)).close_code == 1008
        await receive_all(socket)
        async with server.connect(additional_headers={"xi-api-key": secret}) as again:
            assert (await speak(again, TEXT)).packets
