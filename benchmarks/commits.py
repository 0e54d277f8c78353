"""Our engine on this commit against our engine on another one: same checkpoint, texts, lengths and seeds, in turns, in one
run.

    git worktree add /tmp/before 21f3080
    .venv/bin/python benchmarks/commits.py --before /tmp/before --json commits.json

Machines differ by a factor of two where memory decides, and so do two hours of one machine; two commits in turns do not.
Each commit's engine has a process of its own, which speaks with that commit's code; nobody else speaks meanwhile. Random
weights.

TTFA      from the request to the first audio, of a text at once
28 s      how long the longest utterance takes
playable  the earliest moment at which a player can begin the longest one and never run dry
streams   seconds of audio per second, of so many streams at once

Medians, and for each measure the ratio after : before. The first sound comes so soon that a busy moment of the machine
doubles its time: it is measured in more turns, and whose turn is first alternates.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import IO, Any, Self, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.comparison import TEXTS, WARM_UP_TOKENS, say
from benchmarks.engine import TOKENS
from benchmarks.engine_table import table
from benchmarks.heard import Heard, medians
from benchmarks.provenance import PROJECT_DIR, provenance
from streaming.engine.checkpoint.random_checkpoint import SPEAKER_NAMES, write_random_checkpoint

# A little more than the first chunk takes.
FIRST_SOUND_TOKENS = 12
# What a checkout runs: it loads its engine, and then speaks whatever it is told on a line, as [[text, tokens, seed], ...].
SPEAKER = """
import asyncio, json, sys
from pathlib import Path
from benchmarks.contenders import Job, Ours

async def main(options, speaker, folder):
    async with Ours(options, speaker=speaker, folder=Path(folder)) as ours:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            heard = await ours.speak([Job(*job) for job in json.loads(line)])
            print(json.dumps([each.chunks for each in heard]), flush=True)

asyncio.run(main(*json.loads(sys.argv[1])))
"""


class Checkout:
    """An engine of another checkout, or of this one. Use as `with`."""

    def __init__(self, root: Path, options: dict[str, Any], folder: Path) -> None:
        arguments = json.dumps([options, SPEAKER_NAMES[0], str(folder)])
        environment = os.environ | {"PYTHONPATH": str(root)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SPEAKER, arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        if self._read() != "ready":
            raise RuntimeError("The engine of a checkout could not be loaded.")
        return self

    def __exit__(self, *_: object) -> None:
        cast(IO[str], self._process.stdin).close()
        self._process.wait()
        cast(IO[str], self._process.stdout).close()

    def speak(self, jobs: list[tuple[str, int, int]]) -> list[Heard]:
        stdin = cast(IO[str], self._process.stdin)
        stdin.write(json.dumps(jobs) + "\n")
        stdin.flush()
        return [Heard.of(chunks) for chunks in json.loads(self._read())]

    def _read(self) -> str:
        """Raises RuntimeError if the process has ended."""
        if line := cast(IO[str], self._process.stdout).readline():
            return line.strip()
        raise RuntimeError("The engine of a checkout has ended.")


def measured(checkouts: dict[str, Checkout], ttfa_turns: int, repeat: int, streams: int) -> dict[str, dict[str, float]]:
    """Of each checkout, the median of each measure."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in checkouts}

    def add(name: str, measure: str, value: float) -> None:
        found[name].setdefault(measure, []).append(value)

    for turn in range(ttfa_turns):
        for name in sorted(checkouts, reverse=turn % 2 == 0):
            heard = checkouts[name].speak([(TEXTS[0], FIRST_SOUND_TOKENS, turn)])
            add(name, "TTFA, s", medians(heard)["ttfa"])
    for turn in range(repeat):
        for name, checkout in checkouts.items():
            say(f"turn {turn + 1}: {name}")
            long = medians(checkout.speak([(TEXTS[2], TOKENS[2], turn)]))
            add(name, "28 s, s", long["wall"])
            add(name, "playable, s", long["playable_at"])
            heard = checkout.speak([(TEXTS[0], TOKENS[0], seed) for seed in range(streams)])
            audio, wall = sum(each.audio for each in heard), max(each.wall for each in heard)
            add(name, f"{streams} streams, audio s per s", audio / wall)
    return {name: {measure: median(values) for measure, values in each.items()} for name, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--before", type=Path, required=True, help="a checkout of the other commit")
    add("--size", choices=("tiny", "small", "full"), default="full")
    add("--ttfa-turns", type=int, default=20)
    add("--repeat", type=int, default=3)
    add("--streams", type=int, default=8)
    add("--threads", type=int, default=2)
    add("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xtts-commits-") as folder:
        checkpoint = Path(folder) / "checkpoint"
        say(f"writing a {options.size} checkpoint with random weights")
        write_random_checkpoint(checkpoint, options.size)
        model = {"checkpoint_path": str(checkpoint), "device": "cpu", "precision": "auto"}
        model |= {"threads": options.threads, "slots": options.streams}
        before = options.before.resolve()
        with Checkout(before, model, Path(folder)) as one, Checkout(PROJECT_DIR, model, Path(folder)) as other:
            checkouts = {"before": one, "after": other}
            for checkout in checkouts.values():
                checkout.speak([(TEXTS[0], WARM_UP_TOKENS, 0)])
            results = measured(checkouts, options.ttfa_turns, options.repeat, options.streams)
    about = provenance()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=before, capture_output=True, text=True, check=True
    ).stdout.strip()
    print(
        f"{about['command']}; {about['machine']['cores']} x {about['machine']['cpu']}; {commit} and {about['commit']}\n"
    )
    rows = [
        [measure, f"{value:.3f}", f"{results['after'][measure]:.3f}", f"{results['after'][measure] / value:.2f}"]
        for measure, value in results["before"].items()
    ]
    print("\n".join(table(("measure", commit, about["commit"], "ratio"), rows)))
    if options.json:
        options.json.write_text(json.dumps({**about, "before": commit, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
