"""The results of `benchmarks/engine.py` as text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Markdown: the first column to the left, numbers to the right."""
    yield f"| {' | '.join(titles)} |"
    yield f"| --- |{' ---: |' * (len(titles) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


def decibels(value: float | None) -> str:
    return "equal" if value is None else f"{value:.1f}"


def lines(report: dict[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    yield f"{report['command']}; {machine['cores']} x {machine['cpu']}; torch {machine['torch']}; commit {report['commit']}"
    yield (
        f"{report['checkpoint']}; ours {report['precision']} with {report['threads']} threads, "
        f"coqui-tts {machine['coqui-tts']} fp32 with {report['coqui_threads']}"
    )
    yield ""
    yield from _one_stream(report["one_stream"])
    yield from _utterances(report["utterances"])
    yield from _streams(report["throughput"])
    yield from _exactness(report["exactness"])
    yield from _process(report["loop_lag_ms"], report["peak_megabytes"])
    yield from table(("in short", "value"), ((name, _short(value)) for name, value in report["headline"].items()))


def _one_stream(rows: list[dict[str, float]]) -> Iterator[str]:
    yield from table(
        ("our threads", "RTF alone", "RTF paced by a server", "audio s", "TTFA ms", "starved ms"),
        (
            (
                f"{row['threads']:.0f}",
                *(f"{row[name]:.3f}" for name in ("rtf_alone", "rtf_paced")),
                f"{row['audio_paced']:.2f}",
                *(ms(row[name]) for name in ("ttfa_paced", "starved_paced")),
            )
            for row in rows
        ),
    )


def _utterances(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from table(
        ("one stream", "audio s", "runs", "TTFA ms", "first packet ms", "playable from ms", "wall s", "RTF"),
        (
            (
                *(row["engine"], f"{row['audio']:.2f}", str(row["runs"])),
                *(ms(row[name]) for name in ("ttfa", "first_packet", "playable_at")),
                *(f"{row['wall']:.2f}", f"{row['rtf']:.3f}"),
            )
            for row in rows
        ),
    )


def _streams(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from table(
        ("several streams", "streams", "audio s per s", "TTFA median ms", "TTFA worst ms", "playable from, median ms"),
        (
            (
                *(row["engine"], str(row["streams"]), f"{row['throughput']:.2f}"),
                *(ms(row[name]) for name in ("ttfa", "ttfa_worst", "playable_at")),
            )
            for row in rows
        ),
    )


def _exactness(rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield from table(
        ("streamed against offline", "largest difference", "SNR dB", "samples lost"),
        (
            (name, f"{row['max_abs']:.1e}", decibels(row["snr_db"]), str(row["samples_lost"]))
            for name, row in rows.items()
        ),
    )


def _process(lag: dict[str, dict[str, float]], memory: dict[str, float]) -> Iterator[str]:
    yield from table(
        ("event loop lag", "p50 ms", "p99 ms", "most ms"),
        (
            (f"our engine {name}", *(f"{row[share]:.2f}" for share in ("p50", "p99", "most")))
            for name, row in lag.items()
        ),
    )
    yield from table(("memory", "peak MB"), ((name, f"{megabytes:.0f}") for name, megabytes in memory.items()))


def _short(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"
