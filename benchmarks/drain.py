"""What listeners notice when a server is told to stop, and when it is restarted: this commit against another one, in one
run.

    git worktree add /tmp/before 39b9f23
    .venv/bin/python benchmarks/drain.py --before /tmp/before

Stop: paced sessions in the middle of their turns, responses whose clients read no faster than one listens, and idle
sockets; then SIGTERM. Printed: the turns and responses that were complete, and those that were cut; what became of the idle
sockets; how long the process lived.

Restart: clients that speak short turns, each on a new socket, while one process follows another. A commit that can, hands a
passed socket over to a process that is ready; any other one is stopped and started again at the same port. Printed: the
turns that were complete, those that were cut after their first word, those that were refused, and for how long nobody
could begin.

The engine costs nothing.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import websockets
from websockets.asyncio.client import connect

from benchmarks.engine_table import table
from benchmarks.live_server import LiveServer, command_environment, write_settings
from benchmarks.provenance import PROJECT_DIR, provenance

SENTENCE = "All of this is spoken as a tone. "
# 8 seconds of sound, and 2.
LONG, SHORT, SHORT_SECONDS = SENTENCE * 4, SENTENCE, 2.0
RATE, BYTES_PER_SECOND = 48_000, 96_000
# Of sound, beyond what the buffers of a connection hold.
RESPONSE = SENTENCE * 10
READ_BYTES = 65_536
BEFORE_SIGNAL_SECONDS = 2.0
END_SECONDS = 60.0


class CheckoutServer(LiveServer):
    """A server from the code in `checkout`, at the socket of that descriptor if it is given one."""

    def __init__(self, checkout: Path, folder: Path, service: dict[str, Any], descriptor: int | None = None) -> None:
        folder.mkdir()
        limits = {"max_sockets_per_address": 2000}
        super().__init__(write_settings(folder, service={"max_connections": 2000, **service}, limits=limits))
        self._checkout = checkout
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        self._start("manage.py", "setup").wait(END_SECONDS)
        passed = () if self._descriptor is None else ("--fd", str(self._descriptor))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(str(self.settings_file.parent / "notify"))
            supervisor.settimeout(END_SECONDS)
            self.process = self._start("-m", "benchmarks.tone_server", *passed)
            if self._descriptor is None:
                self.wait_until(lambda: self.readiness()["ready"])
            else:
                supervisor.recv(64)
        return self

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        environment = command_environment(self.settings_file)
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._checkout,
                env=environment | {"NOTIFY_SOCKET": str(self.settings_file.parent / "notify")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if self._descriptor is None else (self._descriptor,),
            )


@dataclass(frozen=True, slots=True)
class Contender:
    """`hands_over`: whether it takes a passed socket and says when it is ready."""

    name: str
    checkout: Path

    @property
    def hands_over(self) -> bool:
        return (self.checkout / "streaming" / "serving" / "supervisor.py").exists()


async def turn(url: str, text: str) -> str:
    """How a turn ended."""
    begun = False
    try:
        async with connect(f"{url}?mode=generate", compression=None, open_timeout=END_SECONDS) as client:
            await client.send(json.dumps({"text": text}))
            await client.send(json.dumps({"text": ""}))
            while not (message := json.loads(await client.recv())).get("isFinal"):
                if "error" in message:
                    return "cut" if begun else "refused"
                begun = True
            return "complete"
    except (OSError, websockets.WebSocketException):
        return "cut" if begun else "refused"


async def response(url: str) -> str:
    """How a response ended whose client reads as it listens."""
    path = f"{url}/v1/text-to-speech/demo/stream?output_format=pcm_{RATE}"
    try:
        async with (
            httpx.AsyncClient(timeout=END_SECONDS) as http,
            http.stream("POST", path, json={"text": RESPONSE}) as got,
        ):
            async for _ in got.aiter_raw(READ_BYTES):
                await asyncio.sleep(READ_BYTES / BYTES_PER_SECOND)
    except httpx.HTTPError:
        return "cut"
    return "complete"


async def idle(url: str) -> str:
    """The code with which a socket is closed whose client says nothing."""
    async with connect(url, compression=None) as client:
        with suppress(websockets.ConnectionClosed):
            await client.send(json.dumps({"type": "ttsInitRequest"}))
            async for _ in client:
                pass
        return str(client.close_code)


async def stop(contender: Contender, program: str, folder: Path, count: int) -> list[str]:
    with CheckoutServer(contender.checkout, folder, {"server": program}) as server:
        socket_url = server.url()
        sessions = [asyncio.create_task(turn(socket_url, LONG)) for _ in range(count)]
        responses = [asyncio.create_task(response(server.base_url)) for _ in range(count)]
        idles = [asyncio.create_task(idle(socket_url)) for _ in range(count)]
        await asyncio.sleep(BEFORE_SIGNAL_SECONDS)
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        await asyncio.to_thread(server.process.wait, END_SECONDS)
        lived = time.monotonic() - begun
        spoken, answered = Counter(await asyncio.gather(*sessions)), Counter(await asyncio.gather(*responses))
        codes = Counter(await asyncio.gather(*idles))
    return [
        *(contender.name, program, f"{spoken['complete']} / {spoken['cut']}"),
        *(f"{answered['complete']} / {answered['cut']}", ", ".join(f"{code} ({n})" for code, n in codes.items())),
        f"{lived:.1f} s",
    ]


class Clients:
    """Speak short turns until they are told to stop. `ends`: how each turn ended; `begun_at`: when those began that were
    complete."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.ends: Counter[str] = Counter()
        self.begun_at: list[float] = []
        self.is_over = False

    async def run(self, delay: float) -> None:
        await asyncio.sleep(delay)
        while not self.is_over:
            begun = time.monotonic()
            end = await turn(self._url, SHORT)
            self.ends[end] += 1
            if end == "complete":
                self.begun_at.append(begun)
            else:
                await asyncio.sleep(0.2)

    @property
    def longest_pause(self) -> float:
        times = sorted(self.begun_at)
        return max(after - before for before, after in pairwise(times))


async def restart(contender: Contender, program: str, folder: Path, count: int) -> list[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        service = {"server": program, "port": listener.getsockname()[1], "data_dir": str(folder / "var")}
        descriptor = listener.fileno() if contender.hands_over else None
        if not contender.hands_over:
            listener.close()
        first = CheckoutServer(contender.checkout, folder / "first", service, descriptor)
        second = CheckoutServer(contender.checkout, folder / "second", service, descriptor)
        with first:
            clients = Clients(first.url())
            running = [asyncio.create_task(clients.run(SHORT_SECONDS * number / count)) for number in range(count)]
            await asyncio.sleep(2 * BEFORE_SIGNAL_SECONDS)
            if contender.hands_over:
                await asyncio.to_thread(second.__enter__)
            first.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(first.process.wait, END_SECONDS)
            if not contender.hands_over:
                await asyncio.to_thread(second.__enter__)
            await asyncio.sleep(2 * BEFORE_SIGNAL_SECONDS)
            clients.is_over = True
            await asyncio.gather(*running)
            second.__exit__()
    ends = clients.ends
    return [
        *(contender.name, program, str(ends["complete"]), str(ends["cut"]), str(ends["refused"])),
        f"{clients.longest_pause:.1f} s",
    ]


def commit_of(checkout: Path) -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


async def measure(contenders: list[Contender], programs: list[str], count: int, folder: Path) -> None:
    stops, restarts = [], []
    for contender in contenders:
        for program in programs:
            name = f"{contender.name}-{program}"
            print(name, file=sys.stderr, flush=True)
            stops.append(await stop(contender, program, folder / name, count))
            restarts.append(await restart(contender, program, folder / name, count))
    about = provenance()
    print(f"{about['command']}; {about['machine']['cores']} x {about['machine']['cpu']}\n")
    head = ("commit", "server", "turns complete / cut", "responses complete / cut", "idle sockets", "process lived")
    print("\n".join(table(head, stops)), end="\n\n")
    head = ("commit", "server", "turns complete", "cut", "refused", "longest pause between beginnings")
    print("\n".join(table(head, restarts)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the other commit")
    parser.add_argument("--count", type=int, default=20, help="sessions, responses and idle sockets, each")
    parser.add_argument("--servers", default="uvicorn,daphne")
    options = parser.parse_args()
    before = options.before.resolve()
    contenders = [Contender(commit_of(before), before), Contender(provenance()["commit"], PROJECT_DIR)]
    os.environ.pop("NOTIFY_SOCKET", None)
    with tempfile.TemporaryDirectory(prefix="drain-") as folder:
        asyncio.run(measure(contenders, options.servers.split(","), options.count, Path(folder)))


if __name__ == "__main__":
    main()
