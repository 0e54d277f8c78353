"""Keys and tokens that somebody reads in a log, at the level that says most. With `manage.py serve` as the start:
tests/live/test_keys.py.
"""

import asyncio
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import websockets

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send, speak
from tests.live.keys import make_keys

QUERY = "?authorization=secret-1&single_use_token=secret-2&xi-api-key=secret-3&%61uthorization=secret-4"
HEADERS = {"xi-api-key": "secret-5", "Cookie": "secret-6"}


def command(program: str, port: int) -> tuple[str, ...]:
    options = ("--log-level", "debug", "--port") if program == "uvicorn" else ("-v", "2", "-p")
    return ("-m", program, "xtts_site.asgi:application", *options, str(port))


@pytest.mark.parametrize("program", ["uvicorn", "daphne"])
async def test_no_server_logs_a_secret_of_a_socket(tmp_path: Path, program: str) -> None:
    settings = write_settings(tmp_path, service={"log_level": "debug"})
    with LiveServer(settings, command(program, LiveServer(settings).port)) as server:
        async with server.connect(query=QUERY, additional_headers=HEADERS) as socket:
            await send(socket, text="Hello. ", xi_api_key="secret-7")
            await send(socket, text="")
            assert (await receive_all(socket)).packets
        with pytest.raises(websockets.InvalidStatus):  # a slip in the path
            await websockets.connect(server.url(query=QUERY).replace("stream-input", "stream-inputs"))
        await asyncio.to_thread(server.wait_until, lambda: "/demo/stream-inputs" in server.log, 20)
        # What a proxy makes of a socket when it drops `Upgrade`, and keys that are put into the query of a request.
        for path in ("/v1/text-to-speech/demo/stream-input", "/v1/models"):
            await asyncio.to_thread(httpx.get, f"{server.base_url}{path}{QUERY}", headers=HEADERS)
        await asyncio.to_thread(server.wait_until, lambda: "/v1/models" in server.log, 20)
    assert "/v1/text-to-speech/demo/stream-input" in server.log
    assert "secret-" not in server.log


FORGED = "x\r\n2026-11-27 14:02:00,000 ERROR   forged: by a client\x1b[31m"


@pytest.mark.both_servers
async def test_nothing_that_is_sent_begins_a_line(tmp_path: Path, server_program: str) -> None:
    settings = write_settings(tmp_path, service={"log_level": "debug"})
    with LiveServer(settings) as server:
        headers = {"xi-api-key": make_keys(server, **{FORGED: {}})[FORGED]}
        async with server.connect(
            query=f"?mode=generate&language={quote(FORGED)}", additional_headers=headers
        ) as socket:
            await speak(socket, "Hello. ")
        for path in (f"/v1/text-to-speech/{quote(FORGED)}", f"/{quote(FORGED)}", f"/v1/voices/{quote(FORGED)}"):
            await asyncio.to_thread(httpx.post, f"{server.base_url}{path}", json={"text": FORGED}, headers=headers)
        for url in (server.url(quote(FORGED)), f"ws://127.0.0.1:{server.port}/{quote(FORGED)}"):
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url)
        await asyncio.to_thread(server.wait_until, lambda: "session ends" in server.log, 60)
    assert "forged: by a client" in server.log
    assert [line for line in server.log.splitlines() if line.startswith("2026-11-27 14:02:00,000")] == []
    assert "\x1b" not in server.log
