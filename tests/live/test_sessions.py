"""Many clients at once on one real server, good ones and bad ones."""

import asyncio
import json
import time
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks.raw import resident_bytes
from tests.live.client import Turn, receive_all, receive_turn, send, speak

# What is about the transport; the rest is the same code on both.
on_both_servers = pytest.mark.both_servers

SENTENCE = "The weather is fine today, and the birds are singing in the trees. "
RATE = 16_000


def seconds(turn: Turn, rate: int = RATE) -> float:
    return len(turn.pcm) / rate


async def paced_session(server: LiveServer, text: str = SENTENCE) -> Turn:
    async with server.connect() as socket:
        await send(socket, type="ttsInitRequest", audio_format=f"pcm_{RATE}")
        return await speak(socket, text)


async def vanishing_session(server: LiveServer) -> None:
    """Asks for a lot, hears the beginning and is gone without a word."""
    socket = await server.connect()
    await send(socket, type="ttsInitRequest", audio_format=f"pcm_{RATE}")
    await send(socket, text=SENTENCE * 20, flush=True)
    await socket.recv()
    socket.transport.abort()


async def ask_and_never_read(server: LiveServer, text: str) -> ClientConnection:
    """An unpaced session whose client stops reading at once."""
    socket: ClientConnection = await server.connect(query="?output_format=pcm_48000", max_queue=1, ping_interval=None)
    socket.transport.pause_reading()
    await send(socket, text=text, flush=True)
    await send(socket, text="")
    return socket


@on_both_servers
async def test_twenty_sessions_at_once_with_a_stalled_and_a_vanishing_one(server: LiveServer) -> None:
    stalled = await ask_and_never_read(server, SENTENCE * 10)
    sessions = [paced_session(server) for _ in range(18)]
    turns, _ = await asyncio.gather(asyncio.gather(*sessions), vanishing_session(server))
    stalled.transport.abort()
    assert all(turn.is_final and turn.error is None for turn in turns)
    assert all(3.0 < seconds(turn) < 8.0 for turn in turns)
    await asyncio.to_thread(server.wait_until, lambda: server.readiness()["engine"]["running"] == 0)
    assert server.readiness()["engine"]["waiting"] == 0


@on_both_servers
async def test_a_client_that_never_reads_costs_bounded_memory_and_only_its_own_session(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, service={"stall_timeout_seconds": 8})
    with LiveServer(settings) as server:
        await paced_session(server)
        before = resident_bytes(server.process.pid)
        # 48 kHz, over 6 minutes of speech: 36 MB of PCM, 48 MB as base64. That is a third of what an idle server has.
        stalled = [await ask_and_never_read(server, SENTENCE * 33) for _ in range(3)]
        highest = before
        while server.readiness()["engine"]["running"]:
            assert (await paced_session(server, "Somebody else goes on.")).is_final
            highest = max(highest, resident_bytes(server.process.pid))
        assert highest < 1.2 * before
        for socket in stalled:
            socket.transport.abort()
        assert (await paced_session(server)).is_final


@on_both_servers
async def test_a_client_that_reads_late_loses_nothing(server: LiveServer) -> None:
    async with server.connect(query="?output_format=pcm_48000", max_queue=1) as socket:
        await send(socket, text=SENTENCE * 3, flush=True)
        await send(socket, text="")
        await asyncio.sleep(3)
        turn = await receive_all(socket)
    assert turn.close_code == 1000
    assert seconds(turn, 48_000) > 9.0


@on_both_servers
async def test_the_socket_is_read_while_audio_is_sent(server: LiveServer) -> None:
    async with server.connect() as socket:
        await send(socket, type="ttsInitRequest", audio_format=f"pcm_{RATE}")
        await send(socket, text=SENTENCE, flush=True)
        await socket.recv()
        await socket.send("this is not JSON")
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert turn.error
    assert turn.error["error"] == "invalid_input_message"
    assert seconds(turn) < 2.0


async def test_audio_begins_before_the_text_is_finished(server: LiveServer) -> None:
    async with server.connect() as socket:
        await send(socket, text=SENTENCE * 2)
        message = json.loads(await asyncio.wait_for(socket.recv(), 10))
    assert message["audio"]


@on_both_servers
async def test_a_paced_turn_takes_as_long_as_it_sounds(server: LiveServer) -> None:
    async with server.connect() as socket:
        await send(socket, type="ttsInitRequest", audio_format=f"pcm_{RATE}")
        turn = await speak(socket, SENTENCE)
        took = time.monotonic() - (turn.first_audio_at or 0.0)
    assert took > seconds(turn) - 0.2


async def test_several_turns_on_one_connection(server: LiveServer) -> None:
    async with server.connect(query="?mode=generate&target_lead_ms=5000") as socket:
        turns = [await speak(socket, f"This is turn number {n}.") for n in range(3)]
    assert all(turn.is_final and len(turn.pcm) for turn in turns)


async def test_turns_that_are_sent_ahead_are_answered_in_order(server: LiveServer) -> None:
    async with server.connect(query="?mode=generate&target_lead_ms=5000&sync_alignment=true") as socket:
        for word in ("one", "two"):
            await send(socket, text=f"Turn {word}. ")
            await send(socket, text="")
        turns = [await receive_turn(socket) for _ in range(2)]
    spoken = [
        "".join(c for m in turn.messages if m.get("alignment") for c in m["alignment"]["chars"]) for turn in turns
    ]
    assert spoken == ["Turn one. ", "Turn two. "]


async def test_the_waiting_line_is_bounded_and_refuses_clearly(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, service={"max_concurrency": 1, "max_waiting": 1})
    with LiveServer(settings) as server:
        turns = await asyncio.gather(*[paced_session(server) for _ in range(6)])
    refused = [turn for turn in turns if turn.error]
    assert 1 <= len(refused) <= 4
    assert {(turn.error or {})["error"] for turn in refused} == {"system_busy"}
    assert {turn.close_code for turn in refused} == {1013}
    assert all(turn.is_final for turn in turns if turn not in refused)


@on_both_servers
async def test_connections_over_the_limit_are_refused_and_places_come_back(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path, service={"max_connections": 1})) as server:
        async with server.connect(), server.connect() as second:
            turn = await receive_all(second)
        assert turn.close_code == 1013
        while (turn := await paced_session(server)).close_code == 1013:
            pass  # the place comes back when the server has seen the close
        assert turn.is_final


@on_both_servers
async def test_web_pages_of_other_sites_cannot_connect(server: LiveServer) -> None:
    async with server.connect(additional_headers={"Origin": server.base_url}):
        pass
    for other in ("https://evil.example", "http://127.0.0.1:3000", f"http://localhost:{server.port}"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await server.connect(additional_headers={"Origin": other})
        assert refused.value.response.status_code == 403


@on_both_servers
async def test_a_path_that_leads_nowhere_is_refused(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    url = f"ws://127.0.0.1:{server.port}/v1/text-to-speech/demo/no-such-thing"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url)
    assert refused.value.response.status_code == 403
    assert server.log.count("Traceback") == before


@on_both_servers
async def test_a_message_over_the_limit_is_answered(server: LiveServer) -> None:
    async with server.connect() as socket:
        await send(socket, text="x" * 300_000)
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert "262144 bytes" in (turn.error or {})["message"]


@on_both_servers
async def test_a_binary_frame_is_an_error(server: LiveServer) -> None:
    async with server.connect(query="?mode=generate") as socket:
        await socket.send(b"\x00\x01")
        turn = await receive_all(socket)
    assert turn.close_code == 1003
