"""Keys and tokens that somebody reads in a log, at the level that says most. With `manage.py serve` as the start:
tests/live/test_keys.py.
"""

import asyncio
from pathlib import Path

import httpx
import pytest
import websockets

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, send

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
