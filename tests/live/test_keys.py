"""Keys, limits and usage on the sockets of a real server."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import Turn, receive_all, receive_turn, send
from tests.live.keys import make_keys, usage, wait_for_usage

TEXT = "The weather is fine today."
SOCKETS_PER_KEY, SOCKETS_PER_ADDRESS = 2, 4


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that asks for keys. It logs all that it can."""
    settings = write_settings(
        tmp_path_factory.mktemp("keys"),
        service={"log_level": "debug"},
        access={"require_keys": True},
        limits={"max_sockets_per_key": SOCKETS_PER_KEY},
    )
    with LiveServer(settings) as live:
        yield live


@pytest.fixture(scope="module")
def keys(locked: LiveServer) -> dict[str, str]:
    secrets = make_keys(
        locked,
        plain={},
        small={"max_characters_per_month": 30},
        single={"max_concurrent_streams": 1},
        narrow={"voices": ["other"]},
        old={"has_expired": True},
        off={"enabled": False},
        counted={},
    )
    headers = {"xi-api-key": secrets["plain"]}
    answer = httpx.post(f"{locked.base_url}/v1/single-use-token/tts_websocket", headers=headers)
    return secrets | {"token": answer.json()["token"]}


@pytest.fixture(autouse=True)
def _no_secret_is_logged(locked: LiveServer, keys: dict[str, str]) -> Iterator[None]:
    yield
    log = locked.log
    assert [name for name, secret in keys.items() if secret in log] == []


def multi(server: LiveServer, query: str = "", **options: Any) -> Any:
    return connect(server.url("demo", query).replace("/stream-input", "/multi-stream-input"), **options)


def key_header(secret: str) -> dict[str, Any]:
    return {"additional_headers": {"xi-api-key": secret}}


async def speech(client: Any, **first: Any) -> Turn:
    """One turn of ElevenLabs' protocol, whose first message is `first`."""
    await send(client, text=" ", **first)
    await send(client, text=TEXT)
    await send(client, text="")
    return await receive_all(client)


def refusal(turn: Turn) -> tuple[Any, int | None]:
    assert not turn.packets
    return (turn.error or {}).get("error"), turn.close_code


# Every way to bring a key


@pytest.mark.parametrize(("header", "value"), [("xi-api-key", "{}"), ("Authorization", "Bearer {}")])
async def test_a_key_in_a_header(locked: LiveServer, keys: dict[str, str], header: str, value: str) -> None:
    async with locked.connect(additional_headers={header: value.format(keys["plain"])}) as client:
        assert (await speech(client)).packets


@pytest.mark.parametrize("name", ["xi_api_key", "xi-api-key", "authorization"])
async def test_a_key_in_the_first_message(locked: LiveServer, keys: dict[str, str], name: str) -> None:
    async with locked.connect() as client:
        assert (await speech(client, **{name: keys["plain"]})).packets


async def test_a_key_in_an_init(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect() as client:
        await send(client, type="ttsInitRequest", xi_api_key=keys["plain"], target_lead_ms=5000)
        await send(client, text=TEXT, flush=True)
        await send(client, text="")
        assert (await receive_turn(client)).packets


async def test_a_key_in_the_query(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(query=f"?authorization={keys['plain']}") as client:
        assert (await speech(client)).packets


async def test_a_key_in_the_first_message_for_a_context(locked: LiveServer, keys: dict[str, str]) -> None:
    async with multi(locked) as client:
        await send(client, text=TEXT, context_id="a", xi_api_key=keys["plain"])
        await send(client, context_id="a", close_context=True)
        assert (await receive_turn(client)).packets


async def test_a_token_opens_one_socket(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(query=f"?single_use_token={keys['token']}") as client:
        assert (await speech(client)).packets
    async with locked.connect(query=f"?single_use_token={keys['token']}") as client:
        assert refusal(await receive_all(client)) == ("invalid_api_key", 1008)


async def test_a_key_may_come_after_a_silence(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect() as client:
        await asyncio.sleep(1.7)
        assert (await speech(client, xi_api_key=keys["plain"])).packets


# Refusals


@pytest.mark.parametrize("bad", ["wrong", "old", "off"])
@pytest.mark.parametrize("speaks", [True, False])
async def test_a_bad_key_in_the_handshake(locked: LiveServer, keys: dict[str, str], bad: str, speaks: bool) -> None:
    async with locked.connect(**key_header(keys.get(bad, "sk_wrong"))) as client:
        found = await (speech(client) if speaks else receive_all(client))
        assert refusal(found) == ("invalid_api_key", 1008)


async def test_livekit_has_spoken_before_it_is_refused(locked: LiveServer) -> None:
    """It waits for ever for the speech of a context that it begins on a socket that was closed before."""
    async with locked.connect_contexts(**key_header("sk_wrong")) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.5)
        assert refusal(await speech(client, context_id="a")) == ("invalid_api_key", 1008)


async def test_a_bad_key_in_the_first_message(locked: LiveServer) -> None:
    async with locked.connect() as client:
        assert refusal(await speech(client, xi_api_key="sk_wrong")) == ("invalid_api_key", 1008)


@pytest.mark.parametrize("voice_id", ["demo", "no-such-voice"])
async def test_no_key_at_all(locked: LiveServer, voice_id: str) -> None:
    """Who may not speak does not learn which voices there are."""
    async with locked.connect(voice_id) as client:
        assert refusal(await speech(client)) == ("needs_authorization", 1008)


async def test_a_first_message_that_cannot_be_read_brings_no_key(locked: LiveServer) -> None:
    async with locked.connect() as client:
        await client.send("{")
        assert refusal(await receive_all(client)) == ("needs_authorization", 1008)


async def test_a_key_behind_the_first_message_is_too_late(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect() as client:
        await send(client, text=TEXT)
        await send(client, text=TEXT, xi_api_key=keys["plain"])
        assert refusal(await receive_all(client)) == ("needs_authorization", 1008)


async def test_a_voice_that_the_key_may_not_use(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect("demo", **key_header(keys["narrow"])) as client:
        assert refusal(await receive_all(client)) == ("voice_not_found", 1008)
    async with locked.connect("other", **key_header(keys["narrow"])) as client:
        assert (await speech(client)).packets


async def test_a_quota_that_is_spent(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(**key_header(keys["small"])) as client:
        assert (await speech(client)).packets
    async with locked.connect(**key_header(keys["small"])) as client:
        assert refusal(await speech(client)) == ("quota_exceeded", 1008)
    async with multi(locked, **key_header(keys["small"])) as client:
        await send(client, text=TEXT, context_id="a", flush=True)
        assert refusal(await receive_all(client)) == ("quota_exceeded", 1008)


async def test_a_second_stream_of_a_key_for_one(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(**key_header(keys["single"])) as first:
        await send(first, text=TEXT, flush=True)
        assert "audio" in json.loads(await first.recv())
        async with locked.connect(**key_header(keys["single"])) as second:
            assert refusal(await speech(second)) == ("too_many_concurrent_requests", 1008)
    async with locked.connect(**key_header(keys["single"])) as third:
        assert (await speech(third)).packets


async def test_a_second_context_of_a_key_for_one_ends_alone(locked: LiveServer, keys: dict[str, str]) -> None:
    async with multi(locked, **key_header(keys["single"])) as client:
        await send(client, text=TEXT, context_id="a", flush=True)
        assert json.loads(await client.recv())["contextId"] == "a"
        await send(client, text=TEXT, context_id="b", flush=True)
        errors = [message for message in (await until_final(client, "b")) if "error" in message]
        assert [(error["error"], error["contextId"]) for error in errors] == [("too_many_concurrent_requests", "b")]
        await send(client, context_id="a", close_context=True)
        await until_final(client, "a")
        await send(client, text=TEXT, context_id="b2", flush=True)
        await send(client, context_id="b2", close_context=True)
        assert any(message.get("audio") for message in await until_final(client, "b2"))


async def until_final(client: Any, context: str) -> list[dict[str, Any]]:
    """What comes for a context, up to its final message."""
    found: list[dict[str, Any]] = []
    while not (found and found[-1].get("isFinal")):
        message = json.loads(await client.recv())
        found += [message] if message.get("contextId") == context else []
    return found


async def test_sockets_of_one_key(locked: LiveServer, keys: dict[str, str]) -> None:
    sockets = [await locked.connect(**key_header(keys["plain"])) for _ in range(SOCKETS_PER_KEY)]
    async with locked.connect(**key_header(keys["plain"])) as client:
        assert refusal(await receive_all(client)) == ("too_many_concurrent_requests", 1008)
    await sockets[0].close()
    async with locked.connect(**key_header(keys["plain"])) as client:
        assert (await speech(client)).packets
    await sockets[1].close()


async def test_sockets_of_one_address_whose_clients_have_no_keys(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, limits={"max_sockets_per_address": SOCKETS_PER_ADDRESS})
    with LiveServer(settings) as server:
        sockets = [await server.connect() for _ in range(SOCKETS_PER_ADDRESS)]
        async with server.connect() as client:
            assert refusal(await receive_all(client)) == ("too_many_concurrent_requests", 1008)
        secret = make_keys(server, client={})["client"]
        async with server.connect(**key_header(secret)) as client:
            assert (await speech(client)).packets
        for socket in sockets:
            await socket.close()


# Usage


async def test_usage_is_in_the_database_soon(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(**key_header(keys["counted"])) as client:
        turn = await speech(client)
    seconds = len(turn.pcm) / 24_000

    # The characters are counted at once, the seconds when they have been spoken.
    row = await asyncio.to_thread(wait_for_usage, locked, "counted", lambda *row: row[2] > 0)
    assert row == ("demo", len(TEXT), pytest.approx(seconds, abs=0.01), 1, 0)


async def test_the_end_of_the_server_loses_no_usage_and_keys_are_not_needed(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path)) as server:
        async with server.connect(**key_header("not a key of this server")) as client:
            assert (await speech(client)).packets
        server.process.terminate()
        assert server.process.wait(15) == 0
        assert [row[:3] for row in usage(server)] == [(None, "demo", len(TEXT))]


async def test_the_access_log_of_daphne_has_no_secrets(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, service={"log_level": "debug"})
    start = (str(Path(sys.executable).parent / "daphne"), "-v", "2", "xtts_site.asgi:application", "-p")
    with LiveServer(settings, (*start, str(LiveServer(settings).port))) as server:
        query = "?authorization=secret-1&single_use_token=secret-2&xi-api-key=secret-3"
        async with server.connect(query=query, **key_header("secret-4")) as client:
            await send(client, text=TEXT, xi_api_key="secret-5")
            await send(client, text="")
            await receive_all(client)
        end = time.monotonic() + 10
        while "WSDISCONNECT" not in server.log and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert "WSDISCONNECT /v1/text-to-speech/demo/stream-input" in server.log
        assert "secret-" not in server.log
