"""Many listeners on one XTTS engine without a server around it. Needs torch, numba and msgpack; no Django, no coqui-tts.

    python benchmarks/load.py --streams 1,8,64 --json load.json --plot load.png
    python benchmarks/load.py --size tiny --streams 1,2 --seconds 5

Without --checkpoint the weights are random: the cost is that of trained weights, the sound is noise, and lengths follow from
the texts. Lengths (1 to 10 s), languages and voices are mixed; a seed asks for the same. For each number of listeners:

staggered     so many at a time, each listening to one utterance after the other as a player plays them, begun one by one
burst         so many ask at the same moment, once, of an idle engine
TTFA          from the request to the first sound above -50 dBFS, at the 50th, 95th and 99th percentile
C50 C100 C200 share of utterances that never starve a player that holds 50, 100 or 200 ms back
step          one token for everybody whose turn it is: median, 99th percentile, and sequences in it on average
vocoder       one decode: median; and its time for each second of audio
prefill       a newcomer's text, which everybody waits for: median
audio/s       seconds of audio made in a second
waits         how often the host waits for a GPU in one step (on a CPU there is nothing to wait for)
unfinished    who was not served 20 s after the last request; counted as starved from then on

Ends with the largest number of listeners, staggered, at which C100 was 99 %, and the first at which it was not.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.heard import percentile
from benchmarks.host_waits import counted
from benchmarks.in_process import EngineOptions, describe, make_model, running
from benchmarks.listeners import Crowd, Heardings, lines
from benchmarks.load_table import table_of
from benchmarks.provenance import provenance
from benchmarks.sequences import Spoken, batch_on
from benchmarks.timed_engine import TimedEngine, Timings, timed
from streaming.engine.xtts_model import SharedModel

FLUENT_SHARE = 0.99
HOPELESS_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """`streams`: the numbers of listeners; `seconds`: for how long each number asks; `to_the_end`: also those
    behind a number with which hardly anybody is served well."""

    streams: tuple[int, ...]
    seconds: float
    seed: int = 0
    to_the_end: bool = False


def numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add_engine_arguments(parser)
    add("--streams", type=numbers, default=(1, 2, 4), help="numbers of listeners; default 1,2,4")
    add("--seconds", type=float, default=15.0, help="for how long each number of listeners asks; default 15")
    add("--seed", type=int, default=0, help="of what is asked for")
    add("--to-the-end", action="store_true", help="go on when hardly anybody is served well any more")
    add("--json", type=Path, help="where to write everything that was measured")
    add("--plot", type=Path, help="where to write a picture (PNG); needs matplotlib")
    options = parser.parse_args(arguments)
    if options.streams[0] < 1 or options.seconds <= 0:
        parser.error("--streams and --seconds are above zero")
    return options


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--size", choices=("tiny", "small", "full"), default="full", help="of the random weights")
    add("--checkpoint", type=Path, help="an XTTS v2 folder with built-in speakers, instead of random weights")
    add("--voices", type=int, default=8, help="different voices, with random weights; default 8")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    add("--precision", default="auto", help="auto, fp32, fp16, bf16, int8")
    add("--threads", type=int, help="on the CPU; default: the usable cores")
    add("--slots", type=int, help="utterances at once; default: what suits the device")


def engine_options(options: argparse.Namespace) -> EngineOptions:
    return EngineOptions(
        size=options.size,
        checkpoint=options.checkpoint,
        voices=options.voices,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        slots=options.slots,
    )


def measure(engine: TimedEngine, load: LoadOptions) -> Iterator[list[dict[str, Any]]]:
    """All numbers of listeners, one after the other, up to the first with which hardly anybody is served well: the rows so
    far, after each. The engine is running."""
    voices = list(engine.model.speakers)
    crowd = Crowd(engine, lines(voices, load.seed))
    crowd.burst(min(4, engine.model.slots))  # what is only slow the first time
    rows = []
    for listeners in load.streams:
        for arrivals in ("staggered", "burst"):
            engine.take_timings()
            begun = time.perf_counter()
            heard = crowd.burst(listeners) if arrivals == "burst" else crowd.conversation(listeners, load.seconds)
            seconds = time.perf_counter() - begun
            rows.append(_row(arrivals, listeners, heard, engine.take_timings(), seconds))
            print(f"  {listeners} {arrivals}: {len(heard.ttfas)} utterances in {seconds:.1f} s", file=sys.stderr)
            yield rows
        if rows[-2]["c200"] < HOPELESS_SHARE and not load.to_the_end:
            print(f"  more than {listeners} would be served no better", file=sys.stderr)
            return


def _row(arrivals: str, listeners: int, heard: Heardings, timings: Timings, seconds: float) -> dict[str, Any]:
    """Times in seconds."""
    steps = [took for took, _ in timings.steps]
    decodes = [took for took, _ in timings.decodes]
    return {
        "arrivals": arrivals,
        "streams": listeners,
        "utterances": len(heard.ttfas),
        "unfinished": heard.unfinished,
        "ttfa_p50": percentile(heard.ttfas, 0.5),
        "ttfa_p95": percentile(heard.ttfas, 0.95),
        "ttfa_p99": percentile(heard.ttfas, 0.99),
        "c50": heard.fluent(50),
        "c100": heard.fluent(100),
        "c200": heard.fluent(200),
        "step_p50": percentile(steps, 0.5),
        "step_p99": percentile(steps, 0.99),
        "rows_per_step": sum(rows for _, rows in timings.steps) / len(steps),
        "vocoder_p50": percentile(decodes, 0.5),
        "vocoder_per_audio_second": sum(decodes) / max(timings.decoded_seconds, 1e-9),
        "prefill_p50": percentile([took for took, _ in timings.prefills], 0.5) if timings.prefills else None,
        "audio_per_second": heard.audio / seconds,
        "seconds": seconds,
    }


def limit(rows: list[dict[str, Any]]) -> dict[str, int | None]:
    """The largest number of listeners up to which all were fluent, and the first that were not; None: not in this run."""
    fluent, stuttering = None, None
    for row in sorted((row for row in rows if row["arrivals"] == "staggered"), key=lambda row: int(row["streams"])):
        if row["c100"] < FLUENT_SHARE:
            stuttering = int(row["streams"])
            break
        fluent = int(row["streams"])
    return {"fluent": fluent, "stuttering": stuttering}


def waits_per_step(model: SharedModel) -> float | None:
    """Over ten steps, in the thread that made the model. None on a CPU."""
    if model.device.type != "cuda":
        return None
    batch = batch_on(model)
    voice = next(iter(model.speakers))
    sequences = [Spoken(slot, voice) for slot in range(min(2, model.slots))]
    batch.speak(sequences, 3)
    with counted() as waits:
        for _ in range(10):
            batch.step(sequences)
    return waits.count / 10


def segments(model: SharedModel) -> int:
    """How often the device has been asked for memory so far. Should not grow while somebody listens."""
    if model.device.type != "cuda":
        return 0
    return int(torch.cuda.memory_stats(model.device)["segment.all.allocated"])


def reports_of(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Make an engine, measure it, and say what it was: a report after each number of listeners, each with all before.
    Raises whatever the engine raises."""
    # Every utterance is ended by its length here, and the engine would warn of each.
    logging.getLogger("streaming.engine.xtts").setLevel(logging.ERROR)
    model = make_model(engine_options(options))
    waits = waits_per_step(model)
    engine, load = timed(model), LoadOptions(options.streams, options.seconds, options.seed, options.to_the_end)
    weights = str(options.checkpoint) if options.checkpoint else f"{options.size}, random weights"
    about = {**provenance(), "weights": weights, "load": asdict(load), "waits_per_step": waits}
    with running(engine):
        segments_before = segments(model)
        for rows in measure(engine, load):
            made = segments(model) - segments_before
            yield {**about, **describe(engine.model), "segments_made": made, "rows": rows, "limit": limit(rows)}


def main() -> None:
    options = parse()
    report: dict[str, Any] = {}
    for report in reports_of(options):
        if options.json:  # already now: whoever ends this run keeps what was measured
            options.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print("\n".join(table_of(report)))
    if options.plot:
        from benchmarks.load_plot import plot

        plot(report, options.plot)


if __name__ == "__main__":
    main()
