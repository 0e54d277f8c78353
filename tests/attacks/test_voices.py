"""Whoever may not use a voice does not learn that it exists: by no answer, and by no wait for one."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all
from tests.live.keys import make_keys
from tests.live.operations import Operation, operations

# As long as each other, for their ids are part of the answers.
OWN, HIDDEN, MISSING = "voice-own", "voice-hid", "voice-not"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("voices"), access={"require_keys": True})
    with LiveServer(settings) as live:
        yield live
        assert "Traceback" not in live.log


@pytest.fixture(scope="module")
def narrow(locked: LiveServer) -> str:
    """A key for one voice. There is another."""
    keys = make_keys(locked, narrow={"voices": [OWN], "may_manage_voices": True}, other={"voices": [HIDDEN]})
    return keys["narrow"]


def alike(said: str, voice_id: str) -> str:
    """Without what differs between any two requests."""
    return re.sub(r'("request_id": )"[0-9a-f]{32}"', r"\1...", said.replace(voice_id, "VOICE"))


def of_voices() -> list[Operation]:
    return [
        operation
        for operation in operations()
        if "{voice_id}" in operation.path or operation.path == "/v1/audio/speech"
    ]


def test_there_are_operations_on_voices() -> None:
    assert len(of_voices()) >= 10


@pytest.mark.parametrize("operation", of_voices(), ids=str)
@pytest.mark.both_servers
def test_a_hidden_voice_is_answered_for_like_a_missing_one(
    locked: LiveServer, narrow: str, operation: Operation
) -> None:
    def answer(voice_id: str) -> tuple[int, Any]:
        url = locked.base_url + operation.path_for(voice_id)
        response = httpx.request(
            operation.method, url, headers={"xi-api-key": narrow}, timeout=60, **operation.body_for(voice_id)
        )
        return response.status_code, alike(response.text, voice_id)

    assert answer(HIDDEN) == answer(MISSING)
    assert answer(HIDDEN)[0] == 404


@pytest.mark.parametrize("path", ["/v1/voices", "/v2/voices", f"/v2/voices?voice_ids={HIDDEN}&voice_ids={OWN}"])
@pytest.mark.both_servers
def test_lists_have_no_other_voices(locked: LiveServer, narrow: str, path: str) -> None:
    found = httpx.get(f"{locked.base_url}{path}", headers={"xi-api-key": narrow}, timeout=60).json()
    assert [voice["voice_id"] for voice in found["voices"]] == [OWN]
    assert found.get("total_count", 1) == 1


async def heard(locked: LiveServer, voice_id: str, end: str, first: dict[str, Any] | None, **options: Any) -> Any:
    """All that a socket says, and how it ends."""
    url = f"ws://127.0.0.1:{locked.port}/v1/text-to-speech/{voice_id}/{end}"
    async with connect(url, **options) as socket:
        if first is not None:
            await socket.send(json.dumps(first))
        turn = await receive_all(socket)
    return alike(json.dumps([turn.messages, turn.close_code]), voice_id)


@pytest.mark.parametrize("end", ["stream-input", "multi-stream-input"])
@pytest.mark.parametrize("way", ["header", "message"])
@pytest.mark.both_servers
async def test_a_hidden_voice_is_a_missing_one_on_sockets(locked: LiveServer, narrow: str, end: str, way: str) -> None:
    options = {"additional_headers": {"xi-api-key": narrow}} if way == "header" else {}
    first = {"text": "Hello.", "flush": True} | ({"xi_api_key": narrow} if way == "message" else {})
    said = [await heard(locked, voice_id, end, first, **options) for voice_id in (HIDDEN, MISSING)]
    assert said[0] == said[1]
    assert "voice_not_found" in said[0]


@pytest.mark.both_servers
async def test_a_silent_stranger_hears_the_same_of_every_voice(locked: LiveServer) -> None:
    """It waited 1.5 s for a voice that is missing, and 20 s for one that is there."""
    ends = ("stream-input", "multi-stream-input")
    said = await asyncio.gather(*(heard(locked, voice_id, end, None) for voice_id in (OWN, MISSING) for end in ends))
    assert said[0] == said[1] == said[2] == said[3]
    assert "voice_not_found" not in said[0]
