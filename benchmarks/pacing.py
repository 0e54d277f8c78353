"""How many paced sessions one core bears, with both servers and in forward mode, in turns with another checkout:

    git worktree add /tmp/before 39b9f23
    .venv/bin/python benchmarks/pacing.py --trees /tmp/before,. --servers uvicorn,daphne --sessions 600

The server has a core of its own; an engine that costs nothing, Redis and all clients share another one. Each session
speaks one text at 24 kHz with a lead of 20 ms; in forward mode, somebody publishes 240 ms at a time to each, at first
twice. Sessions begin one after the other.

late      how much later than due packets came, if a session's first one was in time: median and 99th percentile while all
          sessions run; 99th percentile and maximum of all packets, also while sessions begin
starved   sessions in which a player that began 100 ms after the first packet ran dry
packet    processor time of the server process for each packet, while all sessions run
core      how much of its core the server used meanwhile
client    how late the clients' own event loop was, 99th percentile: they measure nothing finer than that
"""

import argparse
import asyncio
import base64
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

if __package__ is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.heard import RATE, percentile
from benchmarks.live_server import LiveServer, command_environment, write_settings
from benchmarks.loop_lag import LoopLag
from benchmarks.paced_listeners import Crowd, Heard, Session, generated, percentiles
from benchmarks.provenance import provenance
from benchmarks.tone_server import SECONDS_PER_CHARACTER

SERVER_CORE, CLIENT_CORE = 0, 1
SENTENCE = "All of this is one long text that is spoken as a tone. "
PUBLISHED_SECONDS = 0.24
# How long a session in forward mode may take to listen before somebody publishes.
SUBSCRIBE_SECONDS = 2.0
COLUMNS = ("late p50", "late p99", "p99 of all", "maximum", "starved", "packet", "core", "client")


@dataclass(frozen=True, slots=True)
class Load:
    server: str
    mode: str
    sessions: int
    seconds: float
    per_second: float


@dataclass(slots=True)
class Result:
    """Milliseconds, but for `microseconds` of each packet."""

    commit: str
    load: Load
    late_p50: float
    late_p99: float
    late_p99_of_all: float
    late_most: float
    starved: int
    incomplete: int
    packets: int
    microseconds: float
    core: float
    client_p99: float

    def row(self) -> str:
        load = self.load
        broken = f" ({self.incomplete} broke off)" if self.incomplete else ""
        cells = (
            *(self.commit, load.server, load.mode, str(load.sessions)),
            *(f"{value:.1f} ms" for value in (self.late_p50, self.late_p99, self.late_p99_of_all)),
            *(f"{self.late_most:.0f} ms", f"{self.starved}{broken}", f"{self.microseconds:.0f} us"),
            *(f"{100 * self.core:.0f} %", f"{self.client_p99:.1f} ms"),
        )
        return f"| {' | '.join(cells)} |"


@dataclass(slots=True)
class Usage:
    """Of the server, while all sessions run."""

    pid: int
    begun: tuple[float, float] = (0.0, 0.0)
    ended: tuple[float, float] = (0.0, 0.0)

    def begin(self) -> None:
        self.begun = self._now()

    def end(self) -> None:
        self.ended = self._now()

    def _now(self) -> tuple[float, float]:
        nanoseconds = sum(
            int(path.read_text().split()[0]) for path in Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        )
        return time.monotonic(), nanoseconds / 1e9

    @property
    def seconds(self) -> float:
        return self.ended[1] - self.begun[1]

    @property
    def core(self) -> float:
        return self.seconds / (self.ended[0] - self.begun[0])

    def packets(self, heard: list[Heard]) -> int:
        return sum(self.begun[0] <= at < self.ended[0] for each in heard for at in each.times)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started in here runs on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, core: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


@dataclass
class TreeServer(LiveServer):
    """The server of a checkout, which sets up its own database."""

    tree: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        super().__post_init__()
        subprocess.run(
            [sys.executable, "manage.py", "setup"],
            cwd=self.tree,
            env=command_environment(self.settings_file),
            check=True,
            capture_output=True,
        )
        self.directory = self.tree


async def publish(redis_port: int, channels: list[str], seconds: float, at: list[float]) -> None:
    """To each channel from its time on: `seconds` of a tone."""
    samples = (0.1 * 32767 * np.sin(2 * np.pi * 500 * np.arange(round(PUBLISHED_SECONDS * RATE)) / RATE)).astype("<i2")
    audio = base64.b64encode(samples.tobytes()).decode()
    parts = round(seconds / PUBLISHED_SECONDS)
    # At first two parts, so that the publisher is always ahead.
    due = sorted(
        (begin + max(0, part - 1) * PUBLISHED_SECONDS, part, channel)
        for channel, begin in zip(channels, at, strict=True)
        for part in range(parts)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", redis_port)
    replies = asyncio.create_task(_read_all(reader))
    for when, part, channel in due:
        if (wait := when - time.monotonic()) > 0:
            await writer.drain()
            await asyncio.sleep(wait)
        writer.write(_command("PUBLISH", channel, json.dumps({"audio": audio, "isFinal": part == parts - 1})))
    await writer.drain()
    await asyncio.sleep(1)
    writer.close()
    await replies


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _command(*words: str) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


async def listen(server: LiveServer, load: Load, redis_port: int | None) -> tuple[list[Heard], Usage, list[float]]:
    usage = Usage(server.process.pid)
    crowd = Crowd(server.port, load.per_second, usage.begin, usage.end)
    query = "target_lead_ms=20&output_format=pcm_24000"
    publishing = None
    if load.mode == "forward":
        channels = [f"sess:{number}" for number in range(load.sessions)]
        sessions = [
            Session(
                f"/v1/text-to-speech/demo/stream-input?mode=forward&audio_channel={channel}&{query}", ('{"text": " "}',)
            )
            for channel in channels
        ]
        begin = time.monotonic() + SUBSCRIBE_SECONDS
        at = [begin + number / load.per_second for number in range(load.sessions)]
        publishing = asyncio.create_task(publish(redis_port or 0, channels, load.seconds, at))
    else:
        text = SENTENCE * round(load.seconds / SECONDS_PER_CHARACTER / len(SENTENCE))
        dialect = "mode=generate" if load.mode == "native" else "model_id=any"
        sessions = [generated(text, f"{dialect}&{query}")] * load.sessions
    async with LoopLag() as lag:
        heard = await crowd.listen(sessions)
    if publishing:
        await publishing
    return heard, usage, lag.lags


def measure(tree: Path, load: Load) -> Result:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pacing-")))
        settings: dict[str, Any] = {
            "service": {"server": load.server, "max_connections": 4000, "log_level": "warning"},
            "limits": {"max_sockets_per_address": 4000},
        }
        redis_port = None
        if load.mode == "forward":
            from tests.live.redis_server import RedisServer

            redis = stack.enter_context(RedisServer(folder))
            redis_port, settings["redis_url"] = redis.port, redis.url
        server = TreeServer(write_settings(folder, **settings), ("-m", "benchmarks.tone_server"), tree=tree)
        with on_core(SERVER_CORE):
            stack.enter_context(server)
        for pid in server.engine_pids():
            move(pid, CLIENT_CORE)
        heard, usage, lags = asyncio.run(listen(server, load, redis_port))
        if errors := {each.error for each in heard if each.error}:
            print(f"    {errors}\n{server.log[-1000:]}", file=sys.stderr)
    p50, p99, _ = percentiles(heard, usage.begun[0], usage.ended[0])
    _, p99_of_all, most = percentiles(heard, 0.0, math.inf)
    packets = usage.packets(heard)
    return Result(
        commit=_commit(tree),
        load=load,
        late_p50=p50,
        late_p99=p99,
        late_p99_of_all=p99_of_all,
        late_most=most,
        starved=sum(each.starved for each in heard if each.times),
        incomplete=sum(not each.is_complete for each in heard),
        packets=packets,
        microseconds=1e6 * usage.seconds / max(1, packets),
        core=usage.core,
        client_p99=1000 * percentile(lags, 0.99),
    )


def _commit(tree: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loads(options: argparse.Namespace) -> list[Load]:
    return [
        Load(server, mode, int(count), options.seconds, options.per_second)
        for mode in options.modes.split(",")
        for server in options.servers.split(",")
        for count in options.sessions.split(",")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--trees", default=".", help="checkouts, with commas; default: this one")
    add("--servers", default="uvicorn,daphne")
    add("--modes", default="native", help="native, elevenlabs (with alignments), forward; with commas")
    add("--sessions", default="100", help="numbers of sessions, with commas")
    add("--seconds", type=float, default=20.0, help="how long each session speaks; default 20")
    add("--per-second", type=float, default=60.0, help="how many sessions begin in a second; default 60")
    add("--json", type=Path, help="where to write everything that was measured")
    options = parser.parse_args()
    trees = [Path(tree).resolve() for tree in options.trees.split(",")]
    os.sched_setaffinity(0, {CLIENT_CORE})
    print(json.dumps(provenance(), default=str))
    print(f"| commit | server | mode | sessions | {' | '.join(COLUMNS)} |")
    print(f"| --- | --- | --- | ---: |{' ---: |' * len(COLUMNS)}")
    results = []
    for load in loads(options):
        for tree in trees:
            results.append(measure(tree, load))
            print(results[-1].row(), flush=True)
    if options.json:
        report = {**provenance(), "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
