"""Somebody whose key was taken away, on a server that requires no keys: without a key they may do more than they ever might
with it. The key says who they are, so it is refused, wherever it is brought.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send
from tests.live.keys import make_keys

pytestmark = pytest.mark.both_servers

OPENAIS = {"model": "tts-1", "voice": "demo", "input": "Hello."}


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    with LiveServer(write_settings(tmp_path_factory.mktemp("keyless"))) as live:
        yield live


@pytest.fixture(scope="module")
def secrets(keyless: LiveServer) -> dict[str, str]:
    made = make_keys(keyless, old={"has_expired": True}, off={"enabled": False}, good={})
    token = new_token(keyless)
    return made | {"token": token, "unknown": f"sk_{'A' * 43}"}


def new_token(server: LiveServer) -> str:
    answer = httpx.post(f"{server.base_url}/v1/single-use-token/tts_websocket", timeout=60)
    return str(answer.json()["token"])


async def said(client: Any, **first: Any) -> tuple[bool, str | None, int | None]:
    """Whether it speaks, and how it ends."""
    await send(client, text="Hello. ", **first)
    await send(client, text="")
    turn = await receive_all(client)
    return bool(turn.packets), (turn.error or {}).get("error"), turn.close_code


@pytest.mark.parametrize("name", ["old", "off"])
@pytest.mark.parametrize(("header", "value"), [("xi-api-key", "{}"), ("Authorization", "Bearer {}")])
def test_a_key_that_was_taken_away_opens_nothing_over_http(
    keyless: LiveServer, secrets: dict[str, str], name: str, header: str, value: str
) -> None:
    with httpx.Client(base_url=keyless.base_url, headers={header: value.format(secrets[name])}, timeout=60) as client:
        answers = [
            client.get("/v1/voices"),
            client.get("/v1/user"),
            client.post("/v1/voices/demo/edit", data={"name": "Mine"}),
            client.delete("/v1/voices/demo"),
            client.post("/v1/single-use-token/tts_websocket"),
            client.post("/v1/text-to-speech/demo", json={"text": "Hello."}),
        ]
        found = {(answer.status_code, answer.json()["detail"]["status"]) for answer in answers}
        assert found == {(401, "invalid_api_key")}
        in_openais_words = client.post("/v1/audio/speech", json=OPENAIS)
        assert in_openais_words.status_code == 401
        assert in_openais_words.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("name", ["old", "off"])
@pytest.mark.parametrize("header", ["xi-api-key", "authorization"])
async def test_nor_in_the_handshake_of_a_socket(
    keyless: LiveServer, secrets: dict[str, str], name: str, header: str
) -> None:
    headers: dict[str, Any] = {"additional_headers": {header: secrets[name]}}
    for connecting in (keyless.connect(**headers), keyless.connect_contexts(**headers)):
        async with connecting as client:
            assert await said(client) == (False, "invalid_api_key", 1008)


@pytest.mark.parametrize("name", ["old", "off"])
async def test_nor_in_the_query_of_a_socket(keyless: LiveServer, secrets: dict[str, str], name: str) -> None:
    async with keyless.connect(query=f"?authorization={secrets[name]}") as client:
        assert await said(client) == (False, "invalid_api_key", 1008)


@pytest.mark.parametrize("name", ["old", "off"])
@pytest.mark.parametrize("field", ["xi_api_key", "xi-api-key", "authorization"])
async def test_nor_in_the_first_message(keyless: LiveServer, secrets: dict[str, str], name: str, field: str) -> None:
    for connecting in (keyless.connect(), keyless.connect_contexts()):
        async with connecting as client:
            assert await said(client, **{field: secrets[name]}) == (False, "invalid_api_key", 1008)


async def test_nor_in_the_native_dialect(keyless: LiveServer, secrets: dict[str, str]) -> None:
    async with keyless.connect() as client:
        await send(client, type="ttsInitRequest", xi_api_key=secrets["off"], target_lead_ms=5000)
        turn = await receive_all(client)
    assert ((turn.error or {}).get("error"), turn.close_code) == ("invalid_api_key", 1008)


async def test_a_token_works_once(keyless: LiveServer, secrets: dict[str, str]) -> None:
    query = f"?single_use_token={secrets['token']}"
    async with keyless.connect(query=query) as client:
        # Clients send a key as well, whether they have one or not; the token is not asked about again.
        assert await said(client, xi_api_key=secrets["unknown"]) == (True, None, 1000)
    async with keyless.connect(query=query) as client:
        assert await said(client) == (False, "invalid_api_key", 1008)


@pytest.mark.parametrize("name", ["unknown", "good"])
async def test_others_are_served_as_before(keyless: LiveServer, secrets: dict[str, str], name: str) -> None:
    headers = {"xi-api-key": secrets[name]}
    async with httpx.AsyncClient(base_url=keyless.base_url, headers=headers, timeout=60) as web:
        assert (await web.get("/v1/voices")).status_code == 200
    async with keyless.connect(additional_headers=headers) as client:
        assert await said(client) == (True, None, 1000)
    async with keyless.connect() as client:
        assert await said(client, xi_api_key=secrets[name]) == (True, None, 1000)
    assert secrets[name] not in keyless.log
