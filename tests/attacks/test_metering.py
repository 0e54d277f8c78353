"""Clients with a key who want more than it has: silence for nothing, and audio after the key has been disabled."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from streaming.access.prices import CHARACTERS_PER_SECOND
from tests.live.client import receive_all, send
from tests.live.keys import make_keys, wait_for_usage

BREAK = "<break time='3s'/>"
COST = 3 * CHARACTERS_PER_SECOND
LONG = "The weather is fine today, and the birds are singing in the trees. " * 200
DISABLE = "from streaming.access.models import ApiKey; ApiKey.objects.filter(name=%r).update(enabled=False)"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("metering"), access={"require_keys": True})
    with LiveServer(settings, ("-m", "tests.attacks.without_trust_server")) as live:
        yield live
        assert "Traceback" not in live.log


@pytest.fixture(scope="module")
def keys(locked: LiveServer) -> dict[str, str]:
    return make_keys(
        locked,
        spent={"max_characters_per_month": COST - 1},
        counted={},
        asked={},
        streams={"max_concurrent_streams": 1},
        leaving={},
        gone={},
    )


def disable(locked: LiveServer, name: str) -> None:
    assert manage(locked.settings_file, "shell", "-v0", "-c", DISABLE % name).returncode == 0


def ask(locked: LiveServer, key: str, text: str) -> httpx.Response:
    url = f"{locked.base_url}/v1/text-to-speech/demo?output_format=pcm_16000"
    return httpx.post(url, json={"text": text}, headers={"xi-api-key": key}, timeout=60)


async def test_a_spent_key_hears_no_silence(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(additional_headers={"xi-api-key": keys["spent"]}) as socket:
        await send(socket, text=BREAK, flush=True)
        turn = await receive_all(socket)
    assert ((turn.error or {}).get("error"), turn.close_code) == ("quota_exceeded", 1008)
    assert ask(locked, keys["spent"], BREAK).status_code == 401


async def test_silence_is_booked_like_speech_on_a_socket(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(additional_headers={"xi-api-key": keys["counted"]}) as socket:
        await send(socket, text=BREAK)
        await send(socket, text="")
        turn = await receive_all(socket)
    assert turn.is_final
    row = wait_for_usage(locked, "counted", lambda voice, characters, seconds, *_: seconds > 0)
    assert (row[1], row[2], row[3]) == (COST, pytest.approx(3, abs=0.1), 1)


def test_silence_is_booked_in_a_response_whose_header_says_so(locked: LiveServer, keys: dict[str, str]) -> None:
    answer = ask(locked, keys["asked"], f"Hello. {BREAK}")
    assert answer.headers["character-cost"] == str(len("Hello. ") + COST)
    row = wait_for_usage(locked, "asked", lambda voice, characters, seconds, *_: seconds > 0)
    assert row[1] == len("Hello. ") + COST


async def test_silence_is_one_of_the_streams_of_its_key(locked: LiveServer, keys: dict[str, str]) -> None:
    async def say_nothing(**options: Any) -> Any:
        socket = await locked.connect(additional_headers={"xi-api-key": keys["streams"]}, **options)
        await send(socket, text=BREAK, flush=True)
        return socket

    first = await say_nothing()
    assert "audio" in json.loads(await first.recv())
    second = await say_nothing()
    turn = await receive_all(second)
    await first.close()
    assert (turn.error or {}).get("error") == "too_many_concurrent_requests"


async def test_a_disabled_key_hears_no_more_silence(locked: LiveServer, keys: dict[str, str]) -> None:
    async with locked.connect(additional_headers={"xi-api-key": keys["leaving"]}) as socket:
        await send(socket, text=BREAK, flush=True)
        assert "audio" in json.loads(await socket.recv())
        disable(locked, "leaving")
        await send(socket, text=BREAK, flush=True)
        turn = await receive_all(socket)
    assert ((turn.error or {}).get("error"), turn.close_code) == ("invalid_api_key", 1008)


def test_a_disabled_key_does_not_hear_the_rest_of_a_response(locked: LiveServer, keys: dict[str, str]) -> None:
    """It ends like one that cannot go on: the connection breaks, so that nobody takes it for whole."""
    url = f"{locked.base_url}/v1/text-to-speech/demo/stream?output_format=pcm_16000"
    headers = {"xi-api-key": keys["gone"]}
    with httpx.stream("POST", url, json={"text": LONG}, headers=headers, timeout=60) as answer:
        parts = answer.iter_bytes()
        next(parts)
        disable(locked, "gone")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            for _ in parts:
                pass
    assert "A response was aborted: The API key or token is not valid" in locked.log
