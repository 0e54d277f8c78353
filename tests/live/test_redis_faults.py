"""A Redis that is stopped or slow while a forward session listens. One that is killed: test_forwarding."""

import asyncio
import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.live_server import write_settings
from streaming.forwarding.publisher import group_name
from tests.live.client import receive_all, receive_turn, send, speak
from tests.live.redis_server import RedisServer
from tests.live.servers import WatchedServer

pytestmark = pytest.mark.both_servers

CHANNEL = "sess:1"
QUERY = "?mode=forward&output_format=pcm_16000&target_lead_ms=5000"
PARTS = [bytes([number, 0]) * 1600 for number in range(1, 4)]


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


def publish(redis_server: RedisServer, audio: bytes, *, is_final: bool = False) -> None:
    with redis_server.client() as client:
        client.publish(CHANNEL, json.dumps({"audio": base64.b64encode(audio).decode(), "isFinal": is_final}))


async def subscribed(server: WatchedServer, redis_server: RedisServer, name: str, count: int = 1) -> None:
    await asyncio.to_thread(server.wait_until, lambda: redis_server.subscribers(name) == count)


@pytest.mark.parametrize("raw_channels", [True, False], ids=["raw", "layer"])
async def test_a_redis_that_is_stopped_ends_forward_sessions_and_no_others(
    redis_server: RedisServer, tmp_path: Path, server_program: str, raw_channels: bool
) -> None:
    name = CHANNEL if raw_channels else f"asgi__group__{group_name(CHANNEL)}"
    forward = {"raw_channels": raw_channels, "timeout_seconds": 2}
    settings = write_settings(tmp_path, redis_url=redis_server.url, forward=forward)
    with WatchedServer(settings) as server:
        held = await asyncio.to_thread(server.wait_until_idle)
        async with server.connect(query=QUERY) as socket, server.connect(query="?mode=generate") as generating:
            await send(socket, type="ttsInitRequest", audio_channel=CHANNEL)
            await subscribed(server, redis_server, name)
            redis_server.process.send_signal(signal.SIGSTOP)
            try:
                turn = await asyncio.wait_for(receive_all(socket), 60)
                assert ((turn.error or {}).get("error"), turn.close_code) == ("audio_source_lost", 1011)
                assert (await speak(generating, "I never noticed.")).is_final
                async with server.connect(query=QUERY) as late:
                    await send(late, type="ttsInitRequest", audio_channel=CHANNEL)
                    turn = await asyncio.wait_for(receive_all(late), 60)
                assert ((turn.error or {}).get("error"), turn.close_code) == ("audio_source_lost", 1011)
            finally:
                redis_server.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(server.wait_until, lambda: server.readiness()["ready"])
        await subscribed(server, redis_server, name, 0)
        after = await asyncio.to_thread(server.held)
        assert after["tasks"].keys() - held["tasks"].keys() <= {"RedisSingleShardConnection._do_receiving"}


async def test_a_redis_that_is_slow_loses_nothing(
    redis_server: RedisServer, tmp_path: Path, server_program: str
) -> None:
    settings = write_settings(tmp_path, redis_url=redis_server.url, forward={"timeout_seconds": 600})
    with WatchedServer(settings) as server:
        async with server.connect(query=QUERY) as socket:
            await send(socket, type="ttsInitRequest", audio_channel=CHANNEL)
            await subscribed(server, redis_server, CHANNEL)
            publish(redis_server, PARTS[0])
            assert json.loads(await socket.recv())["audio"]
            redis_server.process.send_signal(signal.SIGSTOP)
            publishing = asyncio.create_task(asyncio.to_thread(publish, redis_server, PARTS[1]))
            await asyncio.sleep(0.5)
            assert not publishing.done()
            redis_server.process.send_signal(signal.SIGCONT)
            await publishing
            publish(redis_server, PARTS[2], is_final=True)
            turn = await receive_turn(socket)
    assert (turn.is_final, turn.error) == (True, None)
    assert b"".join(PARTS).endswith(turn.pcm.tobytes())
    assert len(turn.pcm) * 2 >= len(PARTS[1] + PARTS[2])
