"""The measurements of `benchmarks/engine.py`, one after the other; what they give is plain values, ready for JSON."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import COQUI_CHUNK_10, COQUI_DEFAULT, Contender, Coqui, CoquiProcess, Job, Ours
from benchmarks.heard import Heard, medians, percentile
from benchmarks.loop_lag import LoopLag
from benchmarks.paced_session import paced_sessions

# One for each length, about as long as its text would be. The last is nearly as long as one piece of text may be.
TEXTS = (
    "Good morning, and welcome to the show. It is good to have you.",
    "Good morning, and welcome to the show. The weather is fine today, and the children are playing in the garden. "
    "Later this week it will rain, so take an umbrella with you.",
    "Good morning, and welcome to the show. The weather is fine today, and the children are playing in the garden. "
    "Later this week it will rain, so take your umbrella with you when you leave the house. Until then, enjoy the sun, "
    "and write to us.",
)
# The server gives it 11 s if the model does not end it earlier.
PACED_TEXT = "Good morning, and welcome to the show. "
WARM_UP_TOKENS = 24
IDLE_SECONDS = 2.0
# At most: the text of a paced stream takes 11 s, however fast the engine is.
ONE_STREAM_RUNS = 2


@dataclass(frozen=True)
class Plan:
    """`tokens`: of the three lengths. `longest`: how many of them coqui-tts speaks. `long_chunks`: its chunk sizes for the
    last one. `model`: options of the engine but for threads and slots."""

    checkpoint: Path
    folder: Path
    tokens: tuple[int, int, int]
    streams: tuple[int, ...]
    threads: tuple[int, ...]
    repeat: int
    longest: int
    long_chunks: tuple[int, ...]
    device: str
    precision: str

    def options(self, threads: int) -> dict[str, Any]:
        common = {"checkpoint_path": str(self.checkpoint), "device": self.device, "precision": self.precision}
        return {**common, "threads": threads, "slots": max(self.streams)}

    @property
    def one_stream_runs(self) -> int:
        return min(ONE_STREAM_RUNS, self.repeat)

    def job(self, length: int, *, seed: int = 0, keep: Path | None = None) -> Job:
        return Job(TEXTS[length], self.tokens[length], seed, keep)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def compare(plan: Plan) -> dict[str, Any]:
    """All of it. coqui-tts has as many threads as the machine has cores, ours as many as serve a paced stream best."""
    say("loading coqui-tts")
    coqui_options = {"checkpoint": str(plan.checkpoint), "device": plan.device, "threads": max(plan.threads)}
    async with CoquiProcess(coqui_options) as process:
        paced_by = {threads: await paced(plan, threads, process.speaker) for threads in plan.threads}
        threads = min(paced_by, key=lambda count: paced_by[count]["rtf_paced"])
        alone_by = {count: await alone(plan, count, process.speaker) for count in plan.threads if count != threads}
        say(f"loading our engine with {threads} threads")
        async with Ours(plan.options(threads), speaker=process.speaker, folder=plan.folder) as ours:
            alone_by[threads] = await one_stream(plan, ours)
            stock = {setting[0]: Coqui(process, setting) for setting in (COQUI_DEFAULT, COQUI_CHUNK_10)}
            everybody: list[Contender] = [ours, *stock.values()]
            for contender in everybody:
                await contender.speak([Job(TEXTS[0], WARM_UP_TOKENS)])
            results = {
                "threads": threads,
                "coqui_threads": max(plan.threads),
                "one_stream": [
                    {"threads": count, "rtf_alone": alone_by[count], **paced_by[count]} for count in plan.threads
                ],
                **await lengths(plan, ours, stock),
                **await throughput(plan, ours, stock[10]),
                "exactness": await exactness(plan, process, ours, stock),
                "peak_megabytes": {"ours": ours.peak_megabytes, "coqui-tts": process.peak_megabytes},
            }
    return results


async def paced(plan: Plan, threads: int, speaker: str) -> dict[str, float]:
    """One stream of an engine with so many threads, while a server paces it to a client."""
    say(f"one stream with {threads} threads, paced by a server")
    model = {key: value for key, value in plan.options(threads).items() if key != "slots"}
    sessions = await asyncio.to_thread(
        paced_sessions, model, speaker=speaker, text=PACED_TEXT, repeat=plan.one_stream_runs
    )
    names = ("ttfa", "starved", "audio", "rtf")
    return {f"{name}_paced": median(getattr(session, name) for session in sessions) for name in names}


async def alone(plan: Plan, threads: int, speaker: str) -> float:
    """RTF of one stream of an engine that has so many threads, and is there for this alone."""
    async with Ours(plan.options(threads), speaker=speaker, folder=plan.folder) as ours:
        return await one_stream(plan, ours)


async def one_stream(plan: Plan, ours: Ours) -> float:
    """RTF of one stream without a server."""
    say("one stream without a server")
    heard = [(await ours.speak([plan.job(1, seed=seed)]))[0] for seed in range(plan.one_stream_runs)]
    return float(medians(heard)["rtf"])


async def lengths(plan: Plan, ours: Ours, stock: dict[int, Coqui]) -> dict[str, Any]:
    """Each length by each contender, in turns, so that a busy spell of the machine meets them all."""
    rows: list[dict[str, Any]] = []
    timelines: dict[str, Any] = {}
    for length, tokens in enumerate(plan.tokens):
        runs: dict[str, list[Heard]] = {}
        for turn in range(plan.repeat):
            for contender in contenders(plan, length, turn, ours, stock):
                say(f"{tokens} tokens, turn {turn + 1}: {contender.label}")
                # The same contender says something else in each turn; both say the same text in each.
                runs.setdefault(contender.label, []).extend(await contender.speak([plan.job(length, seed=turn)]))
        rows += [
            {"engine": label, "tokens": tokens, "runs": len(heard), **medians(heard)} for label, heard in runs.items()
        ]
        if length == 1:
            timelines = {label: heard[0].chunks for label, heard in runs.items()}
    return {"utterances": rows, "timelines": timelines}


def contenders(plan: Plan, length: int, turn: int, ours: Ours, stock: dict[int, Coqui]) -> list[Contender]:
    """Who speaks in this turn. coqui-tts needs minutes for what is long, so that it does so once."""
    is_last = length == len(plan.tokens) - 1
    if length >= plan.longest or (length and turn):
        return [] if is_last and turn else [ours]
    sizes = plan.long_chunks if is_last else tuple(stock)
    return [*(stock[size] for size in sizes), ours]


async def throughput(plan: Plan, ours: Ours, coqui: Coqui) -> dict[str, Any]:
    """Seconds of audio per second, with several streams at once, each of the shortest length."""
    jobs = [plan.job(0, seed=seed) for seed in range(max(plan.streams))]
    say(f"{len(jobs)} streams: {coqui.label}")
    queued = await coqui.speak(jobs)
    async with LoopLag() as idle:
        await asyncio.sleep(IDLE_SECONDS)
    rows = []
    busy: list[float] = []
    for streams in plan.streams:
        say(f"{streams} streams: ours")
        async with LoopLag() as lag:
            heard = await ours.speak(jobs[:streams])
        busy += lag.lags
        # One at a time: the first so many of a queue are what so many streams would have been.
        rows += [stream_row(coqui.label, queued[:streams]), stream_row(ours.label, heard)]
    return {"throughput": rows, "loop_lag_ms": {"idle": lag_row(idle.lags), "busy": lag_row(busy)}}


def stream_row(label: str, heard: Sequence[Heard]) -> dict[str, Any]:
    wall = max(each.wall for each in heard)
    return {
        "engine": label,
        "streams": len(heard),
        "throughput": sum(each.audio for each in heard) / wall,
        "ttfa": median(each.ttfa for each in heard),
        "ttfa_worst": max(each.ttfa for each in heard),
        "playable_at": median(each.playable_at for each in heard),
    }


def lag_row(lags: list[float]) -> dict[str, float]:
    return {name: 1000 * percentile(lags, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))}


async def exactness(plan: Plan, process: CoquiProcess, ours: Ours, stock: dict[int, Coqui]) -> dict[str, Any]:
    """What was streamed against coqui's decode of the same latents at once. Ours also without its first packet, which may
    take less look-ahead than it needs to be exact."""
    say("exactness")
    result: dict[str, Any] = {}
    everybody: list[Contender] = [ours, *stock.values()]
    for number, contender in enumerate(everybody):
        keep = plan.folder / f"keep{number}"
        (heard,) = await contender.speak([plan.job(0, keep=keep)])
        files = {"latents": f"{keep}.npy", "samples": f"{keep}.samples.npy"}
        result[contender.label] = await process.ask(do="compare", **files)
        if contender is ours:
            skip = heard.chunks[0][1]
            result["ours, after its first packet"] = await process.ask(do="compare", **files, skip=skip)
    return result


def headline(plan: Plan, results: dict[str, Any]) -> dict[str, float | None]:
    """The few numbers that say most. None where coqui-tts was not measured."""
    ours, stock = Ours.label, "coqui-tts, chunk 10"
    utterance = {(row["engine"], row["tokens"]): row for row in results["utterances"]}
    total = {(row["engine"], row["streams"]): row["throughput"] for row in results["throughput"]}
    short, long = plan.tokens[0], plan.tokens[-1]
    chosen = next(row for row in results["one_stream"] if row["threads"] == results["threads"])
    has_long = (stock, long) in utterance

    def ratio(measure: str, tokens: int) -> float:
        return float(utterance[stock, tokens][measure] / utterance[ours, tokens][measure])

    return {
        "ttfa_ratio": ratio("ttfa", short),
        "playable_ratio": ratio("playable_at", short),
        "wall_28s_ratio": ratio("wall", long) if has_long else None,
        "throughput_8_ratio": total[ours, 8] / total[stock, 8] if (ours, 8) in total else None,
        "rtf_one_stream": chosen["rtf_paced"],
        "rtf_one_stream_alone": chosen["rtf_alone"],
        "stream_offline_max_abs": results["exactness"]["ours, after its first packet"]["max_abs"],
        "stream_offline_max_abs_with_first_packet": results["exactness"][ours]["max_abs"],
    }
