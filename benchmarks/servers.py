"""uvicorn and daphne under the same load: `python benchmarks/servers.py --sessions 20,80`.

For each server, with an engine that costs nothing: paced sessions on `stream-input`, the processor time that a packet costs,
and how late packets come (against the first one and the length of the sound in between). Then the pressure of input: one
socket that sends blanks as fast as it can for some seconds; how much memory that takes.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

if __package__ is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from benchmarks.provenance import provenance

TEXT = "All of this is one long text that is spoken as a tone. " * 6
PACKET_SECONDS = 0.06
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Paced:
    packets: int
    microseconds: float
    late_p50: float
    late_p99: float
    starved: int


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


async def listen(url: str) -> list[float]:
    """When each packet of one turn came."""
    arrivals = []
    async with connect(url, compression=None) as socket:
        await socket.send(json.dumps({"text": TEXT}))
        await socket.send(json.dumps({"text": ""}))
        while not (message := json.loads(await socket.recv())).get("isFinal"):
            if message.get("audio"):
                arrivals.append(time.monotonic())
    return arrivals


async def paced(server: LiveServer, sessions: int) -> Paced:
    url = server.url(query="?mode=generate&target_lead_ms=100")
    before, began = processor_seconds(server.process.pid), time.monotonic()
    arrivals = await asyncio.gather(*(listen(url) for _ in range(sessions)))
    spent = processor_seconds(server.process.pid) - before
    print(f"    {sessions} sessions took {time.monotonic() - began:.1f} s", file=sys.stderr)
    # The first packets come at once, as far as the lead goes: what is late is late against the clock of the sound.
    late = [1000 * max(0.0, at - each[0] - n * PACKET_SECONDS) for each in arrivals for n, at in enumerate(each)]
    packets = sum(map(len, arrivals))
    starved = sum(
        max(1000 * (at - each[0] - n * PACKET_SECONDS) for n, at in enumerate(each)) > 100 for each in arrivals
    )
    p50, p99 = (float(value) for value in np.percentile(late, [50, 99]))
    return Paced(packets, 1e6 * spent / packets, p50, p99, starved)


async def press(server: LiveServer, seconds: float) -> tuple[int, float]:
    """Blanks sent, and megabytes that they cost at most."""
    before, sent, most = resident_megabytes(server.process.pid), 0, 0.0
    blank = json.dumps({"text": " "})
    async with connect(server.url(query="?mode=generate"), compression=None) as socket:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(500):
                await socket.send(blank)
            sent += 500
            most = max(most, resident_megabytes(server.process.pid) - before)
    return sent, most


async def measure(program: str, sessions: list[int], seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="servers-") as folder:
        service = {"server": program, "max_connections": 2000}
        limits = {"max_sockets_per_address": 2000}
        settings = write_settings(Path(folder), service=service, limits=limits)
        with LiveServer(settings, ("-m", "benchmarks.tone_server")) as server:
            for count in sessions:
                found = await paced(server, count)
                print(
                    f"| {program} | {count} | {found.packets} | {found.microseconds:.0f} us | {found.late_p50:.1f} ms | "
                    f"{found.late_p99:.1f} ms | {found.starved} |",
                    flush=True,
                )
            sent, megabytes = await press(server, seconds)
            print(f"| {program}, input | - | {sent} blanks in {seconds:g} s | +{megabytes:.0f} MB | | | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", default="20,80", help="numbers of sessions, with commas")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long blanks are sent")
    options = parser.parse_args()
    print(json.dumps(provenance(), default=str))
    print("| server | sessions | packets | processor per packet | late p50 | late p99 | starved |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for program in ("uvicorn", "daphne"):
        asyncio.run(measure(program, [int(count) for count in options.sessions.split(",")], options.seconds))


if __name__ == "__main__":
    main()
