"""Our XTTS engine against coqui-tts's own `inference_stream`, on the same checkpoint, texts and lengths, in one run.

    .venv/bin/python benchmarks/engine.py --json engine.json --plot engine.png
    .venv/bin/python benchmarks/engine.py --quick         # coqui-tts speaks the two shorter lengths only
    .venv/bin/python benchmarks/engine.py --size tiny --tokens 20,30,40

Without --checkpoint, a checkpoint with random weights is made: the cost is that of trained weights, the sound is noise. Each
engine has a process of its own. Utterances are ended by their number of audio tokens (46 ms each), since random weights do
not know when to stop; the default is 3, 10 and 28 s. Medians are printed, with the command, the machine and the commit:

TTFA            from the request to the first audio. coqui-tts's clock is in its own process, ours behind the pipe, in the
                event loop that asked: what the pipe costs is ours
playable from   the earliest moment at which a player can begin and never run dry
RTF             seconds of work per second of audio
RTF paced       of one stream, while a real server paces it to a client; "alone": without the server. Our number of threads
                is the one that is best paced; coqui-tts has as many as the largest of --threads
several streams coqui-tts behind a lock, one utterance after the other: interleaved, it mixes them up
offline         coqui's decode of all latents at once, of the latents that were streamed. Our first packet may take less
                look-ahead than it needs to be exact: it is counted apart
event loop lag  how late a loop wakes that sleeps 5 ms and receives the audio of our engine meanwhile

coqui-tts runs in fp32 with weight norm folded; it speaks what is longer than the shortest once, as it takes minutes.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.comparison import Plan, compare, headline, say
from benchmarks.contenders import COQUI_CHUNK_10, COQUI_DEFAULT
from benchmarks.engine_table import lines
from benchmarks.provenance import provenance

# 3, 10 and 28 s; the last is the most that XTTS can speak at once.
TOKENS = (65, 216, 602)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--size", choices=("tiny", "small", "full"), default="full", help="of the checkpoint with random weights")
    add("--checkpoint", type=Path, help="an XTTS v2 folder with built-in speakers, instead of random weights")
    add("--json", type=Path, help="where to write everything that was measured")
    add("--plot", type=Path, help="where to write a picture (PNG)")
    add("--quick", action="store_true", help="coqui-tts does not speak the longest utterance; wall_28s_ratio is null")
    add("--tokens", type=numbers, default=TOKENS, help="audio tokens of the three lengths; default 65,216,602")
    add("--streams", type=numbers, default=(1, 2, 4, 8), help="streams at once; default 1,2,4,8")
    add("--threads", type=numbers, default=tuple(range(1, min(cores, 2) + 1)), help="thread counts to try; default 1,2")
    add("--repeat", type=int, default=3)
    add("--long-chunks", type=numbers, default=(10,), help="coqui-tts's chunk sizes for the longest: 10, 20 or 10,20")
    add("--device", default="cpu", help="of both: cpu or cuda")
    add("--precision", default="auto", help="of ours: auto, fp32, int8, and on a GPU fp16, bf16")
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if len(options.tokens) != 3 or list(options.tokens) != sorted(set(options.tokens)) or options.tokens[0] < 1:
        parser.error("--tokens takes three different numbers, the smallest first")
    if options.tokens[-1] > TOKENS[-1]:
        parser.error(f"XTTS speaks {TOKENS[-1]} tokens at most")
    if not set(options.long_chunks) <= {COQUI_DEFAULT[0], COQUI_CHUNK_10[0]}:
        parser.error("--long-chunks takes 10, 20 or both")
    if options.plot and not importlib.util.find_spec("matplotlib"):
        parser.error("--plot needs matplotlib: pip install -r requirements-dev.txt")


def make_checkpoint(options: argparse.Namespace, folder: Path) -> Path:
    if options.checkpoint:
        return Path(options.checkpoint)
    say(f"writing a {options.size} checkpoint with random weights")
    # Here, because it brings torch, which this process has no other use for.
    from streaming.engine.checkpoint.random_checkpoint import write_random_checkpoint

    write_random_checkpoint(folder / "checkpoint", options.size)
    return folder / "checkpoint"


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    begun = time.monotonic()
    plan = Plan(
        checkpoint=make_checkpoint(options, folder),
        folder=folder,
        tokens=options.tokens,
        streams=tuple(sorted(options.streams)),
        threads=options.threads,
        repeat=options.repeat,
        longest=2 if options.quick else 3,
        long_chunks=options.long_chunks,
        device=options.device,
        precision=options.precision,
    )
    results = asyncio.run(compare(plan))
    short = headline(plan, results)
    return {
        **provenance(),
        **short,
        "checkpoint": str(options.checkpoint) if options.checkpoint else f"{options.size}, random weights",
        "device": options.device,
        "precision": options.precision,
        "benchmark_seconds": time.monotonic() - begun,
        "headline": short,
        **results,
    }


def main() -> None:
    options = parse()
    # The processes that were started have to be ended, whoever ends this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="xtts-benchmark-") as folder:
        report = measure(options, Path(folder))
    print("\n".join(lines(report)))
    if options.quick:
        print("Without the longest utterance of coqui-tts (--quick) there is no wall_28s_ratio.")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks.engine_plot import plot

        plot(report, options.plot)


if __name__ == "__main__":
    main()
