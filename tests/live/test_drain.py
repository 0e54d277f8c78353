"""SIGTERM under load: what has begun is finished, what is new is refused, and what takes too long is visibly cut off."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import Turn, receive_all, send, speak

pytestmark = pytest.mark.both_servers

TONE = ("-m", "benchmarks.tone_server")
PATIENCE = 60
SENTENCE = "All of this is spoken as a tone. "
# 15 MB: more than any buffers between server and client hold.
LONG_TEXT = SENTENCE * 80
PCM = "/v1/text-to-speech/demo/stream?output_format=pcm_48000"


@pytest.fixture
def toned(tmp_path: Path) -> Iterator[LiveServer]:
    """A server whose engine costs nothing, and that waits for everybody, however slow this machine is."""
    service = {"drain_seconds": 600, "stall_timeout_seconds": 600}
    with LiveServer(write_settings(tmp_path, service=service), TONE) as live:
        yield live


async def told_to_stop(server: LiveServer, how: int = signal.SIGTERM) -> None:
    """As a terminal or systemd tells it, with every process that it has started; until it says so."""
    os.killpg(server.process.pid, how)
    await asyncio.to_thread(server.wait_until, lambda: server.readiness().get("draining"), PATIENCE)


async def end_of(server: LiveServer) -> int:
    return await asyncio.to_thread(server.process.wait, PATIENCE)


async def assert_it_has_ended(server: LiveServer, engine: int) -> None:
    """In an orderly way, and its engine with it."""
    assert await end_of(server) == 0
    assert not Path(f"/proc/{engine}").exists()
    assert "Traceback" not in server.log


async def begin(socket: ClientConnection) -> dict[str, Any]:
    """A turn whose first audio is there."""
    await send(socket, text=SENTENCE, flush=True)
    return dict(json.loads(await socket.recv()))


async def finish(socket: ClientConnection, first: dict[str, Any]) -> Turn:
    """Its second half, and its end."""
    await send(socket, text=SENTENCE)
    await send(socket, text="")
    turn = await receive_all(socket)
    turn.messages.insert(0, first)
    return turn


async def assert_the_new_is_refused(server: LiveServer, idle: ClientConnection, http: httpx.AsyncClient) -> None:
    """On a connection that waited for a text, over HTTP, and on a new connection."""
    assert (await receive_all(idle)).close_code == 1012
    refused = await http.post(PCM, json={"text": "Hello."})
    assert refused.status_code == 503
    assert refused.json()["detail"]["code"] == "server_draining"
    assert int(refused.headers["Retry-After"]) > 0
    async with server.connect() as late:
        await send(late, text=SENTENCE)
        turn = await receive_all(late)
    assert (turn.close_code, (turn.error or {})["error"]) == (1013, "server_draining")


async def assert_contexts_end(contexts: ClientConnection) -> None:
    """The one that had begun, and one that begins beside it."""
    await send(contexts, context_id="b", text=SENTENCE)
    await send(contexts, context_id="a", close_context=True)
    await send(contexts, context_id="b", close_context=True)
    last = await receive_all(contexts)
    assert last.close_code == 1012
    assert {message["contextId"] for message in last.messages if message.get("isFinal")} == {"a", "b"}


async def test_what_has_begun_is_finished_and_the_rest_is_refused(toned: LiveServer) -> None:
    [engine] = toned.engine_pids()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        clients = [await enter(toned.connect(query="?mode=generate")) for _ in range(8)]
        idle, contexts = await enter(toned.connect_contexts()), await enter(toned.connect_contexts())
        elevenlabs = await enter(toned.connect())
        http = await enter(httpx.AsyncClient(base_url=toned.base_url, timeout=PATIENCE))
        await send(clients[0], text=SENTENCE, flush=True)
        await send(clients[0], text=SENTENCE)
        whole = await speak(clients[0], "")
        firsts = [await begin(client) for client in clients]
        await send(contexts, context_id="a", text=SENTENCE, flush=True)
        await send(elevenlabs, text=" ")
        body = (await http.post(PCM, json={"text": LONG_TEXT})).content
        parts = (await enter(http.stream("POST", PCM, json={"text": LONG_TEXT}))).aiter_raw()
        received = [await anext(parts)]
        await told_to_stop(toned)
        await assert_the_new_is_refused(toned, idle, http)

        turns = await asyncio.gather(*map(finish, clients, firsts))
        assert {(turn.is_final, turn.close_code) for turn in turns} == {(True, 1012)}
        assert all(np.array_equal(turn.pcm, whole.pcm) for turn in turns)
        await assert_contexts_end(contexts)
        await send(elevenlabs, text=SENTENCE)
        await send(elevenlabs, text="")
        usual = await receive_all(elevenlabs)
        assert (usual.is_final, usual.close_code) == (True, 1000)
        received += [part async for part in parts]
        assert b"".join(received) == body
    await assert_it_has_ended(toned, engine)


async def test_what_takes_too_long_is_cut_off_so_that_everybody_sees_it(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path, service={"drain_seconds": 1}), TONE) as server:
        async with (
            server.connect(query="?mode=generate") as client,
            httpx.AsyncClient(base_url=server.base_url, timeout=PATIENCE) as http,
            http.stream("POST", PCM, json={"text": LONG_TEXT}) as response,
        ):
            await begin(client)
            server.process.send_signal(signal.SIGTERM)
            turn = await receive_all(client)
            assert (turn.close_code, (turn.error or {})["error"]) == (1012, "server_shutdown")
            with pytest.raises(httpx.TransportError):
                await response.aread()
        assert await end_of(server) == 0
        assert "Traceback" not in server.log


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(tmp_path: Path, how: int) -> None:
    with LiveServer(write_settings(tmp_path, service={"drain_seconds": 3600}), TONE) as server:
        [engine] = server.engine_pids()
        async with server.connect(query="?mode=generate") as speaking, server.connect(query="?mode=generate") as idle:
            await begin(speaking)
            await told_to_stop(server, how)
            server.process.send_signal(how)
            turns = await asyncio.gather(receive_all(speaking), receive_all(idle))
        assert {turn.close_code for turn in turns} == {1012}
        assert {(turn.error or {})["error"] for turn in turns} == {"server_shutdown"}
        await assert_it_has_ended(server, engine)
