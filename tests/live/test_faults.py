"""What clients see when something dies: the engine, the server, the client itself."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all, receive_turn, send, speak

# What is about the transport; the rest is the same code on both.
on_both_servers = pytest.mark.both_servers

LONG_TEXT = "The weather is fine today, and the birds are singing in the trees. " * 20


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that a test may damage, and that ends at once when it is told to."""
    with LiveServer(write_settings(tmp_path, service={"drain_seconds": 0})) as live:
        yield live


async def test_a_killed_engine_ends_its_sessions_with_an_error_and_comes_back(own_server: LiveServer) -> None:
    async with own_server.connect() as speaking, own_server.connect(query="?mode=generate") as idle:
        await send(speaking, type="ttsInitRequest")
        await send(speaking, text=LONG_TEXT, flush=True)
        await speaking.recv()
        [pid] = own_server.engine_pids()
        os.kill(pid, signal.SIGKILL)
        turn = await receive_all(speaking)
        assert turn.close_code == 1011
        assert (turn.error or {})["error"] == "engine_failed"
        await asyncio.to_thread(own_server.wait_until, lambda: own_server.readiness()["ready"])
        assert (await speak(idle, "I was only listening.")).is_final
    assert own_server.readiness()["engine"]["restarts"] == 1
    assert own_server.engine_pids() != [pid]


async def test_while_the_engine_is_away_sessions_are_refused_clearly(own_server: LiveServer) -> None:
    [pid] = own_server.engine_pids()
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(own_server.wait_until, lambda: not own_server.readiness()["ready"])
    async with own_server.connect() as socket:
        await send(socket, text="Hello?", flush=True)
        turn = await receive_all(socket)
    assert turn.close_code == 1013
    assert (turn.error or {})["error"] == "engine_unavailable"


async def test_an_engine_that_hangs_is_replaced(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, service={"engine_timeout_seconds": 2})
    with LiveServer(settings) as server:
        async with server.connect() as socket:
            [pid] = server.engine_pids()
            os.kill(pid, signal.SIGSTOP)
            await send(socket, text="Hello?", flush=True)
            turn = await receive_all(socket)
        assert (turn.error or {})["error"] == "engine_failed"
        await asyncio.to_thread(server.wait_until, lambda: server.readiness()["ready"])


@on_both_servers
async def test_a_server_that_is_killed_leaves_no_engine_behind(own_server: LiveServer) -> None:
    [pid] = own_server.engine_pids()
    own_server.process.kill()
    own_server.process.wait()
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@on_both_servers
async def test_a_client_that_leaves_frees_its_slot_at_once(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path, service={"max_concurrency": 1, "max_waiting": 4})) as server:
        socket = await server.connect()
        await send(socket, text=LONG_TEXT, flush=True)
        await socket.recv()
        socket.transport.abort()
        async with server.connect() as other:
            await send(other, text="My turn.")
            await send(other, text="")
            assert (await asyncio.wait_for(receive_turn(other), 10)).is_final
        assert server.readiness()["engine"]["running"] == 0
        assert "Traceback" not in server.log


@on_both_servers
async def test_closing_without_goodbye_in_the_handshake_is_no_traceback(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    for _ in range(5):
        socket = await server.connect()
        socket.transport.abort()
    with pytest.raises(websockets.InvalidStatus):
        await server.connect(additional_headers={"Origin": "https://evil.example"})
    async with server.connect() as socket:
        await send(socket, text="Still here.")
        await send(socket, text="")
        assert (await receive_turn(socket)).is_final
    assert server.log.count("Traceback") == before


@on_both_servers
async def test_clients_that_close_while_audio_is_sent_are_no_traceback(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    for packets in range(8):
        # With a queue that is full, a client would not read the server's close for 10 s.
        async with server.connect(query="?output_format=pcm_48000", max_queue=None) as socket:
            await send(socket, text=LONG_TEXT, flush=True)
            for _ in range(packets):
                await socket.recv()
    await asyncio.to_thread(server.wait_until, lambda: server.readiness()["engine"]["running"] == 0)
    assert server.log.count("Traceback") == before
