"""The part between us and daphne that no ordinary client shows."""

import asyncio
import json
import socket
import struct
from typing import Any

import pytest

from benchmarks.live_server import LiveServer
from streaming.daphne.flow_control import Valve
from tests.live.client import receive_all, send, speak

pytestmark = pytest.mark.both_servers

UPGRADE = (
    "GET /v1/text-to-speech/demo/stream-input HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def is_held(valve: Valve) -> bool:
    waiting = asyncio.create_task(valve.wait())
    done, _ = await asyncio.wait([waiting], timeout=0.01)
    waiting.cancel()
    return not done


async def test_a_new_valve_is_open() -> None:
    assert not await is_held(Valve())


@pytest.mark.parametrize("opening", ["resumeProducing", "stopProducing"])
async def test_a_full_transport_holds_the_sender_until_there_is_room_or_nobody(opening: str) -> None:
    valve = Valve()
    valve.pauseProducing()
    assert await is_held(valve)
    waiting = asyncio.create_task(valve.wait())
    getattr(valve, opening)()
    await asyncio.wait_for(waiting, 5)


def vanish_in_the_handshake(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(UPGRADE.encode())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close is a reset


async def test_clients_that_vanish_in_the_handshake_are_no_traceback(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    for _ in range(30):
        vanish_in_the_handshake(server.port)
    async with server.connect(query="?mode=generate&target_lead_ms=5000") as client:
        assert (await speak(client, "Still here.")).is_final
    await asyncio.sleep(1.2)  # daphne looks once a second for applications that failed
    assert server.log.count("Traceback") == before


async def ended_with(server: LiveServer, message: dict[str, Any]) -> tuple[int | None, str]:
    async with server.connect(query="?mode=generate") as client:
        await send(client, **message)
        await receive_all(client)
        return client.close_code, client.close_reason or ""


async def test_the_close_carries_the_code_and_the_reason(server: LiveServer) -> None:
    assert await ended_with(server, {"text": 5}) == (1008, "text must be a string, not int.")


@pytest.mark.parametrize("name", ["ö" * 30, "x" * 60, "€" * 60, "\ud800"])
async def test_a_long_or_odd_reason_is_cut_to_what_a_close_frame_holds(server: LiveServer, name: str) -> None:
    code, reason = await ended_with(server, {"type": "ttsInitRequest", "audio_format": name})
    assert code == 1003
    assert reason.startswith("Invalid EL_AUDIO_FORMAT: ")
    assert len(reason.encode()) <= 123


async def test_a_client_that_closes_on_the_last_message_sees_the_servers_close(server: LiveServer) -> None:
    """Both closes cross, whichever comes first."""

    async def converse() -> Any:
        async with server.connect() as socket:
            await send(socket, text="Hi. ")
            await send(socket, text="")
            while not json.loads(await socket.recv()).get("isFinal"):
                pass
        return socket.close_code

    assert {await converse() for _ in range(5)} == {1000}
