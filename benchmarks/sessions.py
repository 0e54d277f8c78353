"""How a running server speaks with several sessions at once.

    make run
    .venv/bin/python benchmarks/sessions.py --sessions 1,2,4,8

Every session is paced (target_lead_ms 20) and speaks the same text once. Printed per number of sessions, with the command,
the machine and the commit:

TTFA        from the text that starts generation to the first audio, median and 95th percentile, in ms
starved     how long a player that starts at the first packet would have run dry, median and worst session, in ms
C100        share of sessions that never starve a player that holds 100 ms back
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import connect

TEXT = (
    "Good morning, and welcome to the show. The weather is fine today, and the children are playing in the garden. "
    "Later this week it will rain, so take your umbrella with you when you leave the house. "
)
RATE = 24_000


@dataclass(frozen=True)
class Figures:
    """Of one session; seconds."""

    ttfa: float
    starved: float
    audio: float


async def session(url: str) -> Figures:
    async with connect(f"{url}?mode=generate&output_format=pcm_{RATE}", compression=None) as socket:
        await socket.send(json.dumps({"text": TEXT, "flush": True}))
        begun = time.perf_counter()
        await socket.send(json.dumps({"text": ""}))
        first = dry = starved = audio = 0.0
        while True:
            message = json.loads(await socket.recv())
            now = time.perf_counter()
            if message.get("error"):
                raise RuntimeError(message["message"])
            if message.get("isFinal") is True:
                return Figures(first - begun, starved, audio)
            if not first:
                first = dry = now
            seconds = len(b64decode(message["audio"])) / 2 / RATE
            starved += max(0.0, now - dry)
            dry = max(dry, now) + seconds
            audio += seconds


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def row(count: int, figures: list[Figures]) -> str:
    ttfa = [figure.ttfa * 1000 for figure in figures]
    starved = [figure.starved * 1000 for figure in figures]
    fluent = sum(value <= 100 for value in starved) / len(starved)
    return (
        f"| {count} | {statistics.median(ttfa):.0f} | {percentile(ttfa, 0.95):.0f} | {statistics.median(starved):.0f} "
        f"| {max(starved):.0f} | {fluent:.0%} |"
    )


def provenance() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return f"{' '.join(sys.argv)}; {os.cpu_count()} x {model}; commit {commit.strip() or 'unknown'}"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:60215/v1/text-to-speech/demo/stream-input")
    parser.add_argument("--sessions", default="1,2,4,8", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--repeat", default=3, type=int)
    options = parser.parse_args()
    print(provenance())
    print("| sessions | TTFA median | TTFA p95 | starved median | starved worst | C100 |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in options.sessions:
        figures: list[Figures] = []
        for _ in range(options.repeat):
            figures += await asyncio.gather(*(session(options.url) for _ in range(count)))
        print(row(count, figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
