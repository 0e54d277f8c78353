"""The log of real servers: what is said of a session, and one name from the handshake to the engine."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send, speak
from tests.live.keys import make_keys

pytestmark = pytest.mark.both_servers

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "logs.md"
TEXT = "Nobody may read this sentence. "
PROXYS = {"X-Request-ID": "proxy-0123456789"}
SPEECH = "/v1/text-to-speech/demo"


@pytest.fixture(scope="module")
def logging_server(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    """Behind a proxy, so it seems. Writes JSON, and all that there is."""
    settings = write_settings(
        tmp_path_factory.mktemp("logs"),
        service={"log_level": "debug", "log_format": "json", "behind_tls_proxy": True},
        access={"require_keys": True},
    )
    with LiveServer(settings) as live:
        yield live


@pytest.fixture(scope="module")
def secret(logging_server: LiveServer) -> str:
    return make_keys(logging_server, **{"The reader": {}})["The reader"]


def lines(server: LiveServer, request_id: str, logger: str = "") -> list[dict[str, Any]]:
    """Those of the log that name the request; every line of the server's and the engine's must be JSON."""
    found = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("request_id") == request_id and line["logger"].startswith(logger)]


async def session_lines(server: LiveServer, request_id: str) -> list[dict[str, Any]]:
    """When the session is over."""
    sessions = "streaming.sessions"
    ended = lambda: any("ends" in line["message"] for line in lines(server, request_id, sessions))  # noqa: E731
    await asyncio.to_thread(server.wait_until, ended, 60)
    return lines(server, request_id, sessions)


async def test_a_socket_has_one_name_from_its_handshake_to_the_engine(logging_server: LiveServer, secret: str) -> None:
    headers = {"xi-api-key": secret}
    async with logging_server.connect(query="?mode=generate", additional_headers=headers) as socket:
        name = socket.response.headers["request-id"]
        assert (await speak(socket, TEXT)).is_final
        await socket.send(b"binary")
        error = (await receive_all(socket)).error
    assert error
    assert error["request_id"] == name
    began, ended = await session_lines(logging_server, name)
    assert (began["message"], ended["message"]) == ("session begins", "session ends")
    assert (ended["key"], ended["voice"], ended["dialect"]) == ("The reader", "demo", "native")
    assert (ended["result"], ended["status"], ended["turns"]) == ("invalid_input_message", 1003, 1)
    assert ended["characters"] >= len(TEXT.strip())
    assert ended["audio_seconds"] > 0
    assert ended["ttfa_seconds"] > 0
    assert lines(logging_server, name, "streaming.engine.host")


async def test_a_request_has_the_name_that_the_proxy_gave_it(logging_server: LiveServer, secret: str) -> None:
    url, headers = f"{logging_server.base_url}{SPEECH}", {"xi-api-key": secret} | PROXYS
    answer = await asyncio.to_thread(httpx.post, url, json={"text": TEXT}, headers=headers, timeout=60)
    name = PROXYS["X-Request-ID"]
    assert answer.headers["request-id"] == name
    _, ended = await session_lines(logging_server, name)
    assert (ended["transport"], ended["result"], ended["key"]) == ("http", "ok", "The reader")
    assert lines(logging_server, name, "streaming.engine.host")


async def test_a_name_that_is_none_is_not_taken_over(logging_server: LiveServer) -> None:
    url, headers = f"{logging_server.base_url}/v1/models", {"X-Request-ID": "a b"}
    answer = await asyncio.to_thread(httpx.get, url, headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["request-id"])


async def test_a_refusal_names_itself_and_has_one_line(logging_server: LiveServer) -> None:
    url = f"{logging_server.base_url}{SPEECH}"
    answer = await asyncio.to_thread(httpx.post, url, json={"text": TEXT})
    name = answer.headers["request-id"]
    assert answer.json()["detail"]["request_id"] == name
    [ended] = await session_lines(logging_server, name)
    assert (ended["status"], ended["result"]) == (401, answer.json()["detail"]["code"])


async def test_a_client_that_leaves_is_said_to(logging_server: LiveServer, secret: str) -> None:
    async with logging_server.connect(query="?mode=generate", additional_headers={"xi-api-key": secret}) as socket:
        name = socket.response.headers["request-id"]
        await send(socket, text=TEXT * 8)
        await send(socket, text="")
        await socket.recv()
    _, ended = await session_lines(logging_server, name)
    assert ended["result"] == "client_left"


def test_the_level_is_that_of_the_engine_too(tmp_path: Path, server_program: str) -> None:
    settings = write_settings(tmp_path, service={"log_level": "warning", "server": server_program})
    with LiveServer(settings) as live:
        assert httpx.post(f"{live.base_url}{SPEECH}", json={"text": TEXT}, timeout=60).status_code == 200
    assert " INFO " not in live.log


def test_every_line_is_json_and_none_has_a_text_or_a_secret(logging_server: LiveServer, secret: str) -> None:
    for line in logging_server.log.splitlines():
        if line and not re.match("[A-Z][A-Za-z]+:", line):  # what `serve` prints at its start
            assert {"time", "level", "logger", "message", "process"} <= json.loads(line).keys()
    assert "Nobody may read" not in logging_server.log
    assert secret not in logging_server.log


async def test_the_document_has_every_field(logging_server: LiveServer, secret: str) -> None:
    url, headers = f"{logging_server.base_url}{SPEECH}", {"xi-api-key": secret}
    answer = await asyncio.to_thread(httpx.post, url, json={"text": TEXT}, headers=headers, timeout=60)
    _, ended = await session_lines(logging_server, answer.headers["request-id"])
    documented = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert ended.keys() | {"traceback"} == documented
