"""A restart with a passed socket, under load: nobody is refused, and no turn that has begun is lost."""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import Turn, receive_turn, send

on_both_servers = pytest.mark.both_servers

TEXT = "All of this is a tone. "
SPEECH = "/v1/text-to-speech/demo/stream?output_format=pcm_24000"
PATIENCE = 60
CLIENTS = 6
TONE = ("-m", "benchmarks.tone_server")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The socket that is passed from one process to the next."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        yield made


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where servers report to, as they do to systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


@dataclass
class OneOfTwo(LiveServer):
    """Its readiness is not asked for: the other one might answer."""

    def readiness(self) -> dict[str, Any]:
        return {"ready": True}


@dataclass
class Load:
    """Clients that speak one turn after the other until it `is_over`. `heard`: how many bytes each turn had; `faults`: what
    a client found wrong."""

    port: int
    heard: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_over: bool = False

    async def speak(self) -> None:
        await self._guard(self._speak())

    async def request(self) -> None:
        await self._guard(self._request())

    async def _guard(self, client: Coroutine[Any, Any, None]) -> None:
        try:
            await client
        except Exception as error:
            self.faults.append(repr(error))

    async def _speak(self) -> None:
        """Each turn on a socket of its own."""
        url = f"ws://127.0.0.1:{self.port}/v1/text-to-speech/demo/stream-input?mode=generate&target_lead_ms=100"
        while not self.is_over:
            async with connect(url, open_timeout=PATIENCE, compression=None) as client:
                await send(client, text=TEXT, flush=True)
                await send(client, text=TEXT)
                await send(client, text="")
                self.note(await receive_turn(client))

    async def _request(self) -> None:
        """On connections that are kept open."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE) as http:
            while not self.is_over:
                answer = await http.post(SPEECH, json={"text": TEXT * 2})
                if answer.status_code != 200:
                    self.faults.append(answer.text)
                self.heard.append(len(answer.content))

    def note(self, turn: Turn) -> None:
        if not turn.is_final or turn.error:
            self.faults.append(f"{turn.close_code}: {turn.error}")
        self.heard.append(2 * len(turn.pcm))

    async def until(self, turns: int) -> None:
        """So many turns more."""
        most = len(self.heard) + turns
        async with asyncio.timeout(3 * PATIENCE):
            while len(self.heard) < most and not self.faults:
                await asyncio.sleep(0.01)


async def hears(supervisor: socket.socket) -> bytes:
    return await asyncio.to_thread(supervisor.recv, 64)


def settings_at(folder: Path, listener: socket.socket) -> Path:
    """Of one process; all that have this listener share their data."""
    folder.mkdir()
    service = {"drain_seconds": 600, "port": listener.getsockname()[1], "data_dir": str(folder.parent / "var")}
    return write_settings(folder, service=service)


@on_both_servers
async def test_the_next_process_takes_over(tmp_path: Path, listener: socket.socket, supervisor: socket.socket) -> None:
    passed = (listener.fileno(),)
    command = (*TONE, "--fd", str(listener.fileno()))
    load = Load(listener.getsockname()[1])
    with OneOfTwo(settings_at(tmp_path / "a", listener), command, passed) as before:
        assert await hears(supervisor) == b"READY=1"
        clients = [asyncio.create_task(client()) for client in [load.speak, load.request] * CLIENTS]
        await load.until(4 * CLIENTS)
        with OneOfTwo(settings_at(tmp_path / "b", listener), command, passed) as after:
            assert await hears(supervisor) == b"READY=1"
            before.process.terminate()
            assert await hears(supervisor) == b"STOPPING=1"
            assert await asyncio.to_thread(before.process.wait, PATIENCE) == 0
            await load.until(4 * CLIENTS)
            load.is_over = True
            await asyncio.wait_for(asyncio.gather(*clients), PATIENCE)
            assert after.process.poll() is None
        assert "Traceback" not in before.log
    assert load.faults == []
    assert len(set(load.heard)) == 1


def test_those_who_come_in_between_wait_for_the_next_process(tmp_path: Path, listener: socket.socket) -> None:
    """The socket is passed as systemd does."""
    code = (
        f"import os, sys; os.dup2({listener.fileno()}, 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        f"os.execv(sys.executable, [sys.executable, *{TONE}])"
    )
    command, passed = ("-c", code), (listener.fileno(),)
    with LiveServer(settings_at(tmp_path / "a", listener), command, passed) as before:
        before.process.terminate()
        assert before.process.wait(PATIENCE) == 0
    with socket.create_connection(listener.getsockname(), PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with LiveServer(settings_at(tmp_path / "b", listener), command, passed):
            assert client.recv(4096).startswith(b"HTTP/1.1 200")


COMMAND_LINES = {
    "uvicorn": ("-m", "uvicorn", "xtts_site.asgi:application", "--fd"),
    "daphne": ("-m", "daphne", "xtts_site.asgi:application", "--fd"),
}


@on_both_servers
async def test_the_command_lines_of_the_servers_leave_the_socket_open(
    tmp_path: Path, listener: socket.socket, server_program: str
) -> None:
    command = (*COMMAND_LINES[server_program], str(listener.fileno()))
    with LiveServer(settings_at(tmp_path / "a", listener), command, (listener.fileno(),)) as server:
        async with server.connect(query="?mode=generate") as client:
            await send(client, text="Hello there. ")
            server.process.terminate()
            await asyncio.to_thread(server.wait_until, lambda: "Shutting down" in server.log, PATIENCE)
            with socket.create_connection(listener.getsockname()):
                await send(client, text="")
                assert (await receive_turn(client)).is_final
                await asyncio.to_thread(server.process.wait, PATIENCE)
                listener.settimeout(PATIENCE)
                listener.accept()[0].close()
