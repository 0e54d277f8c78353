"""Faults that come again and again leave nothing in the server's memory.

Megabytes say little of that: what counts is whether each fault leaves one more of anything behind, of whatever type.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest
import websockets

from benchmarks.live_server import write_settings
from tests.live.client import Turn, receive_all, send, speak
from tests.live.locked_database import locked_database
from tests.live.redis_server import RedisServer
from tests.live.servers import WatchedServer

on_both_servers = pytest.mark.both_servers

REPETITIONS = 4
# Where something has grown each time: what is made once in a while, such as a cache's entries, does not grow so often.
MOST_REPETITIONS = 12
SESSIONS = 3
# References that hold nothing; and timers that were cancelled, which asyncio keeps until they are due.
PASSING = {"weakref.ReferenceType", "asyncio.events.TimerHandle", "_contextvars.Context"}
# Of clients of Redis, which keep their connections.
SPARE_SOCKETS = 2
CHANNEL = "sess:1"
TEXT = "Hello there."
LONG_TEXT = "The weather is fine today, and the birds are singing in the trees. " * 20


@dataclass
class Scene:
    server: WatchedServer
    redis: RedisServer

    async def until(self, condition: Callable[[], bool]) -> None:
        await asyncio.to_thread(self.server.wait_until, condition)

    async def turn(self) -> Turn:
        """A session that speaks for a long time."""
        async with self.server.connect(query="?output_format=pcm_8000") as socket:
            await send(socket, text=LONG_TEXT, flush=True)
            await send(socket, text="")
            return await receive_all(socket)

    async def speaking(self) -> list["asyncio.Task[Turn]"]:
        """Sessions, some of which are being spoken."""
        turns = [asyncio.create_task(self.turn()) for _ in range(SESSIONS)]
        await self.until(lambda: self.server.readiness()["engine"]["running"] > 0)
        return turns

    async def listening(self) -> "asyncio.Task[Turn]":
        """A session that listens to Redis."""

        async def listen() -> Turn:
            async with self.server.connect(query="?mode=forward&output_format=pcm_16000") as socket:
                await send(socket, type="ttsInitRequest", audio_channel=CHANNEL)
                return await receive_all(socket)

        session = asyncio.create_task(listen())
        await self.until(lambda: self.redis.subscribers(CHANNEL) > 0)
        return session

    async def settle(self, before: dict[str, Any]) -> None:
        """Until everything works again, no more tasks run than before, and nobody is connected any more."""

        def has_settled() -> bool:
            held = self.server.wait_until_idle()
            more = Counter(held["tasks"]) - Counter(before["tasks"])
            is_back = not more and held["sockets"] <= before["sockets"] + SPARE_SOCKETS
            return bool(self.server.readiness()["ready"] and is_back)

        await self.until(has_settled)
        async with self.server.connect(query="?mode=generate") as socket:
            assert (await speak(socket, TEXT)).is_final
        await self.until(has_settled)


Fault = Callable[[Scene], Awaitable[None]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("memory")
    with RedisServer(folder) as redis:
        settings = write_settings(
            folder,
            redis_url=redis.url,
            service={"engine_heartbeat_seconds": 5, "drain_seconds": 0},
            forward={"timeout_seconds": 2},
            database={"answer_seconds": 1},
        )
        with WatchedServer(settings) as server:
            yield Scene(server, redis)


async def refuse(scene: Scene) -> None:
    """The server closes, and the client closes too."""
    for _ in range(SESSIONS):
        async with scene.server.connect(query="?mode=generate") as socket:
            await socket.send("{")
            turn = await receive_all(socket)
        assert turn.error
        assert turn.close_code == 1008


async def kill_the_engine(scene: Scene, how: int = signal.SIGKILL) -> None:
    turns = await scene.speaking()
    [pid] = scene.server.engine_pids()
    os.kill(pid, how)
    await scene.until(lambda: scene.server.engine_pids() not in ([pid], []))
    for turn in turns:  # those that had to wait would speak now, for minutes
        turn.cancel()
    await asyncio.gather(*turns, return_exceptions=True)


async def stop_the_engine(scene: Scene) -> None:
    await kill_the_engine(scene, signal.SIGSTOP)


async def kill_redis(scene: Scene) -> None:
    session = await scene.listening()
    scene.redis.kill()
    assert (await session).close_code == 1011
    scene.redis.start()


async def lock_the_database(scene: Scene) -> None:
    with locked_database(scene.server.settings_file.parent / "var" / "db.sqlite3"):
        async with httpx.AsyncClient(base_url=scene.server.base_url, timeout=60) as client:
            path = "/v1/single-use-token/tts_websocket"
            answers = await asyncio.gather(*(client.post(path) for _ in range(SESSIONS)))
        assert {answer.status_code for answer in answers} == {503}
        async with scene.server.connect(query="?mode=generate") as socket:
            assert (await speak(socket, TEXT)).is_final


async def vanish(scene: Scene) -> None:
    """In the middle of speech, and before a word."""
    for text in (LONG_TEXT, LONG_TEXT, "", ""):
        socket = await scene.server.connect(query="?output_format=pcm_8000")
        if text:
            await send(socket, text=text, flush=True)
            await socket.recv()
        socket.transport.abort()
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.port)
    body = b'{"text": "%s"}' % LONG_TEXT.encode()
    head = b"POST /v1/text-to-speech/demo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await reader.readline()
    writer.transport.abort()
    with suppress(OSError, websockets.WebSocketException):
        await writer.wait_closed()


@on_both_servers
@pytest.mark.parametrize(
    "fault", [refuse, kill_the_engine, kill_redis, lock_the_database, vanish], ids=lambda each: each.__name__
)
async def test_a_fault_leaves_nothing_behind_each_time(scene: Scene, fault: Fault) -> None:
    assert await grown_by(fault, scene) == {}


async def test_an_engine_that_hangs_leaves_nothing_behind_each_time(scene: Scene) -> None:
    """On one web server: sessions end as those of an engine that has been killed."""
    assert await grown_by(stop_the_engine, scene) == {}


async def grown_by(fault: Fault, scene: Scene) -> dict[str, list[int]]:
    await fault(scene)  # whatever is made once
    await scene.until(lambda: bool(scene.server.readiness()["ready"]))
    before = await asyncio.to_thread(scene.server.wait_until_idle)
    counts: list[dict[str, int]] = []
    while len(counts) < REPETITIONS or (grown(counts) and len(counts) < MOST_REPETITIONS):
        await fault(scene)
        await scene.settle(before)
        counts.append(await asyncio.to_thread(scene.server.objects))
    return grown(counts)


def grown(counts: list[dict[str, int]]) -> dict[str, list[int]]:
    """The types of which there are more after each repetition than after the one before."""
    by_type = {name: [count.get(name, 0) for count in counts] for name in counts[-1]}
    return {
        name: numbers
        for name, numbers in by_type.items()
        if name not in PASSING and all(before < after for before, after in pairwise(numbers))
    }


def test_one_more_of_something_each_time_is_found() -> None:
    assert grown([{"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 3, "c": 1}, {"a": 3, "b": 3, "d": 1}]) == {"a": [1, 2, 3]}
