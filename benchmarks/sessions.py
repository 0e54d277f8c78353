"""How a running server speaks with several sessions at once.

    make run
    .venv/bin/python benchmarks/sessions.py --sessions 1,2,4,8

Every session is paced (target_lead_ms 20) and speaks the same text once; all of a row begin at the same moment. For clients
that come at random, of several kinds: `manage.py bench_stream`. Printed per number of sessions, with the command, the
machine and the commit:

TTFA        from the text that starts generation to the first audible packet, median and 95th percentile, in ms
starved     how long a player that starts at the first packet would have run dry, median and worst session, in ms
C100        share of sessions that never starve a player that holds 100 ms back
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

if __package__ is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.provenance import provenance
from streaming.load_test.clients import NativeClient, Target
from streaming.load_test.figures import fluent, percentile
from streaming.load_test.hearing import Hearing
from streaming.load_test.plan import TEXTS

TEXT = f"{TEXTS[-1]} "


async def session(target: Target, voice: str) -> Hearing:
    client = NativeClient(target, voice)
    try:
        await client.connect()
        hearing = Hearing(time.perf_counter())
        async for pcm in client.speak(TEXT):
            hearing.take(time.perf_counter(), pcm)
    finally:
        await client.close()
    return hearing


def row(count: int, hearings: list[Hearing]) -> str:
    times = sorted(hearing.ttfa * 1000 for hearing in hearings if hearing.ttfa is not None)
    starved = [hearing.starved * 1000 for hearing in hearings]
    return (
        f"| {count} | {statistics.median(times):.0f} | {percentile(times, 0.95):.0f} | {statistics.median(starved):.0f} "
        f"| {max(starved):.0f} | {fluent(hearings, 0.1) or 0:.0%} |"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:60215")
    parser.add_argument("--voice", default="demo")
    parser.add_argument("--sessions", default="1,2,4,8", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--repeat", default=3, type=int)
    options = parser.parse_args()
    target = Target(options.url)
    made = provenance()
    print(f"{made['command']}; {made['machine']['cores']} x {made['machine']['cpu']}; commit {made['commit']}")
    print("| sessions | TTFA median | TTFA p95 | starved median | starved worst | C100 |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in options.sessions:
        hearings: list[Hearing] = []
        for _ in range(options.repeat):
            hearings += await asyncio.gather(*(session(target, options.voice) for _ in range(count)))
        print(row(count, hearings), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
