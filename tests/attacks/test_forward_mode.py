"""Clients with a key who listen to what is not for them, or for which they do not pay: on a server with a real Redis."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer, write_settings
from streaming.access.prices import CHARACTERS_PER_SECOND
from tests.live.client import Turn, receive_all, send
from tests.live.keys import make_keys, usage, wait_for_usage
from tests.live.redis_server import RedisServer

QUERY = "?mode=forward&output_format=pcm_16000&target_lead_ms=5000"
SECOND = {"audio": base64.b64encode(bytes(2 * 16_000)).decode()}
SPENT = 10


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[LiveServer]:
    settings = write_settings(
        tmp_path_factory.mktemp("server"), redis_url=redis_server.url, access={"require_keys": True}
    )
    with LiveServer(settings) as live:
        yield live
        assert "Traceback" not in live.log


@pytest.fixture(scope="module")
def keys(locked: LiveServer) -> dict[str, str]:
    return make_keys(
        locked,
        new={},
        wide={"forward_prefixes": "other:\nsess:"},
        alice={"forward_prefixes": "sess:alice:", "voices": ["demo"]},
        spent={"forward_prefixes": "sess:", "max_characters_per_month": CHARACTERS_PER_SECOND - 1},
        short={"forward_prefixes": "sess:", "max_characters_per_month": 2 * CHARACTERS_PER_SECOND},
        single={"forward_prefixes": "sess:", "max_concurrent_streams": 1},
        slow={"forward_prefixes": "sess:", "max_requests_per_second": 0.01},
        counted={"forward_prefixes": "sess:"},
    )


async def begin(locked: LiveServer, channel: str, query: str = "", **init: Any) -> ClientConnection:
    socket: ClientConnection = await locked.connect(query=QUERY + query)
    await send(socket, type="ttsInitRequest", audio_channel=channel, **init)
    return socket


async def subscribed(locked: LiveServer, redis_server: RedisServer, channel: str) -> None:
    await asyncio.to_thread(locked.wait_until, lambda: redis_server.subscribers(channel) == 1, 20)


def publish(redis_server: RedisServer, channel: str, **message: Any) -> None:
    with redis_server.client() as client:
        client.publish(channel, json.dumps(message))


def refusal(turn: Turn) -> tuple[Any, int | None]:
    return (turn.error or {}).get("error"), turn.close_code


@pytest.mark.parametrize(
    ("name", "channel", "code"),
    [
        ("new", "sess:alice:1", "missing_permissions"),
        ("alice", "sess:bob:1", "missing_permissions"),
        ("alice", "sess:alice2:1", "missing_permissions"),
        ("alice", "sess:alice", "missing_permissions"),
        ("wide", "other:1", "invalid_parameter"),
        ("spent", "sess:spent:1", "quota_exceeded"),
    ],
)
async def test_channels_that_are_not_the_keys(
    locked: LiveServer, redis_server: RedisServer, keys: dict[str, str], name: str, channel: str, code: str
) -> None:
    async with await begin(locked, channel, xi_api_key=keys[name]) as socket:
        turn = await receive_all(socket)
    assert refusal(turn) == (code, 1008)
    assert redis_server.subscribers(channel) == 0


async def test_a_key_hears_its_own_channel_and_so_does_a_token_of_it(
    locked: LiveServer, redis_server: RedisServer, keys: dict[str, str]
) -> None:
    headers = {"xi-api-key": keys["alice"]}
    made = await asyncio.to_thread(httpx.post, f"{locked.base_url}/v1/single-use-token/tts_websocket", headers=headers)
    token = made.json()["token"]
    async with await begin(locked, "sess:alice:1", f"&single_use_token={token}") as socket:
        await subscribed(locked, redis_server, "sess:alice:1")
        publish(redis_server, "sess:alice:1", **SECOND)
        assert "audio" in json.loads(await socket.recv())


async def test_a_month_that_is_spent_in_the_middle_ends_the_stream(
    locked: LiveServer, redis_server: RedisServer, keys: dict[str, str]
) -> None:
    async with await begin(locked, "sess:short", xi_api_key=keys["short"]) as socket:
        await subscribed(locked, redis_server, "sess:short")
        for _ in range(3):
            publish(redis_server, "sess:short", **SECOND)
        turn = await receive_all(socket)
    assert refusal(turn) == ("quota_exceeded", 1008)
    assert len(turn.pcm) == pytest.approx(2 * 16_000, abs=0.06 * 16_000)
    async with locked.connect(additional_headers={"xi-api-key": keys["short"]}) as socket:
        await send(socket, text="Hello. ", flush=True)
        assert refusal(await receive_all(socket)) == ("quota_exceeded", 1008)


async def test_listening_takes_a_place_and_a_request_of_the_key(
    locked: LiveServer, redis_server: RedisServer, keys: dict[str, str]
) -> None:
    for name, code in (("single", "too_many_concurrent_requests"), ("slow", "rate_limit_exceeded")):
        async with await begin(locked, f"sess:{name}", xi_api_key=keys[name]):
            await subscribed(locked, redis_server, f"sess:{name}")
            async with await begin(locked, f"sess:{name}:2", xi_api_key=keys[name]) as second:
                assert refusal(await receive_all(second)) == (code, 1008)


async def test_what_is_heard_is_booked_to_the_key_and_the_voice(
    locked: LiveServer, redis_server: RedisServer, keys: dict[str, str]
) -> None:
    async with await begin(locked, "sess:counted", xi_api_key=keys["counted"]) as socket:
        await subscribed(locked, redis_server, "sess:counted")
        publish(redis_server, "sess:counted", **SECOND)
        publish(redis_server, "sess:counted", **SECOND, isFinal=True)
        while not json.loads(await socket.recv()).get("isFinal"):
            pass
    row = await asyncio.to_thread(wait_for_usage, locked, "counted", lambda *row: row[2] > 1.9)
    assert row == ("demo", 2 * CHARACTERS_PER_SECOND, pytest.approx(2.0), 1, 0)
    assert not [row for row in usage(locked) if row[0] == "new"]
