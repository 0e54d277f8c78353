"""What a server notices of faults, and how soon; and what listeners hear of too much load: `python benchmarks/faults.py`.

    CHECKOUT=../other-checkout .venv/bin/python benchmarks/faults.py --parts crash,hang,redis     # another commit
    .venv/bin/python benchmarks/faults.py --server daphne

crash       the engine process is killed again and again, each time ten seconds after it was ready: seconds until it is ready
hang        it is stopped (SIGSTOP) while nobody speaks: seconds until /readyz says so, and until another one is ready
redis       Redis is stopped while a forward session listens: with which code the session ends, and after how many seconds
admission   listeners come one after the other to an engine whose steps take the longer the more rows they have: how many are
            served, refused, and starve (100 ms or more), with and without service.max_load
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ.get("CHECKOUT") or str(Path(__file__).resolve().parent.parent))

import websockets

from benchmarks.live_server import LiveServer, write_settings
from benchmarks.provenance import provenance
from tests.live.redis_server import RedisServer

_options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_options.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
_options.add_argument("--parts", default="crash,hang,redis,admission", help="with commas")
_options.add_argument("--crashes", type=int, default=3)
_options.add_argument("--listeners", type=int, default=10)
OPTIONS = _options.parse_args()

PAUSE_SECONDS = 10.5
# Who has not noticed a fault by then does not notice it.
LONGEST_SECONDS = 30.0
RATE = 24_000
TEXT = (
    "This is a text of about ten seconds, which is spoken as a quiet noise that nobody else has, and which is long "
    "enough for its listener to starve if too many others listen."
)
# Of a step of 50 ms of sound: four rows take 80 % of real time, five all of it.
PER_ROW = 0.01


def seconds_until(condition: Callable[[], bool], most: float = LONGEST_SECONDS) -> float | None:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > most:
            return None
        time.sleep(0.02)
    return time.monotonic() - begun


def in_words(seconds: float | None) -> str:
    return f"not within {LONGEST_SECONDS:g} s" if seconds is None else f"{seconds:.1f} s"


def settings(folder: Path, sections: dict[str, Any] | None = None, **service: Any) -> Path:
    folder.mkdir()
    return write_settings(folder, service={"server": OPTIONS.server} | service, **(sections or {}))


def crash(folder: Path) -> None:
    with LiveServer(settings(folder)) as server:
        for number in range(OPTIONS.crashes):
            time.sleep(PAUSE_SECONDS)
            [pid] = server.engine_pids()
            os.kill(pid, signal.SIGKILL)
            ready = seconds_until(partial(_is_back, server, number + 1))
            print(f"| crash {number + 1}: ready again after | {in_words(ready)} |", flush=True)


def _is_back(server: LiveServer, restarts: int) -> bool:
    report = server.readiness()
    return bool(report["ready"]) and report["engine"]["restarts"] == restarts


def hang(folder: Path) -> None:
    with LiveServer(settings(folder)) as server:
        [pid] = server.engine_pids()
        os.kill(pid, signal.SIGSTOP)
        noticed = seconds_until(lambda: not server.readiness()["ready"])
        print(f"| hung while idle: /readyz says so after | {in_words(noticed)} |", flush=True)
        if noticed is None:
            os.kill(pid, signal.SIGCONT)
        else:
            ready = seconds_until(lambda: bool(server.readiness()["ready"]))
            print(f"| and another engine is ready after | {in_words(None if ready is None else noticed + ready)} |")


def redis(folder: Path) -> None:
    folder.mkdir()
    with RedisServer(folder) as running, LiveServer(settings(folder / "server", {"redis_url": running.url})) as server:
        try:
            code, error, seconds = asyncio.run(_forward(server, running))
        finally:
            running.process.send_signal(signal.SIGCONT)
    print(f"| Redis stopped: a forward session ends with | {code} {error or ''} after {seconds:.1f} s |", flush=True)


async def _forward(server: LiveServer, running: RedisServer) -> tuple[int | None, str | None, float]:
    async with server.connect(query="?mode=forward") as socket:
        await socket.send(json.dumps({"type": "ttsInitRequest", "audio_channel": "sess:1"}))
        await asyncio.to_thread(seconds_until, lambda: running.subscribers("sess:1") == 1)
        running.process.send_signal(signal.SIGSTOP)
        begun, error = time.monotonic(), None
        try:
            while True:
                error = json.loads(await socket.recv()).get("error")
        except websockets.ConnectionClosed:
            return socket.close_code, error, time.monotonic() - begun


@dataclass(frozen=True, slots=True)
class Listener:
    """How long he starved in all, in seconds; None if he was refused."""

    starved: float | None


def admission(folder: Path) -> None:
    from benchmarks.stepping_engine import stepping_server, stepping_spec

    folder.mkdir()
    for max_load in (0.9, False):
        command = stepping_server(stepping_spec(per_row=PER_ROW, slots=64))
        with LiveServer(settings(folder / str(max_load), max_load=max_load), command) as server:
            listeners = asyncio.run(_crowd(server.url(query="?mode=generate&target_lead_ms=2000")))
        heard = [listener.starved for listener in listeners if listener.starved is not None]
        starving = [seconds for seconds in heard if seconds > 0.1]
        print(
            f"| max_load {max_load or 'off'}: {len(listeners)} listeners | {len(heard)} served, "
            f"{len(listeners) - len(heard)} refused, {len(starving)} starve, at most {max(heard):.1f} s |",
            flush=True,
        )


async def _crowd(url: str) -> list[Listener]:
    async def come(number: int) -> Listener:
        await asyncio.sleep(number * 0.6)
        return await _listen(url)

    return await asyncio.gather(*map(come, range(OPTIONS.listeners)))


async def _listen(url: str) -> Listener:
    starved, plays_until = 0.0, None
    async with websockets.connect(url, compression=None) as socket:
        await socket.send(json.dumps({"text": TEXT, "flush": True}))
        await socket.send(json.dumps({"text": ""}))
        while not (message := json.loads(await socket.recv())).get("isFinal"):
            if "error" in message:
                return Listener(None)
            now = time.monotonic()
            plays_until = now if plays_until is None else plays_until
            starved += max(0.0, now - plays_until)
            plays_until = max(now, plays_until) + len(b64decode(message["audio"])) / 2 / RATE
    return Listener(starved)


def main() -> None:
    print(json.dumps(provenance(), default=str))
    print(f"| {OPTIONS.server} | |\n| --- | ---: |", flush=True)
    parts = {"crash": crash, "hang": hang, "redis": redis, "admission": admission}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for name in OPTIONS.parts.split(","):
            parts[name](Path(folder) / name)


if __name__ == "__main__":
    main()
