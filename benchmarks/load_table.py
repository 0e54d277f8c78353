"""The results of `benchmarks/load.py` as text."""

from collections.abc import Iterator
from typing import Any

from benchmarks.engine_table import table

TITLES = (
    *("arrivals", "streams", "utterances", "unfinished", "TTFA p50 ms", "p95", "p99", "C50", "C100", "C200"),
    *("step ms", "p99", "rows", "vocoder ms", "ms per audio s", "prefill ms", "audio/s"),
)


def table_of(report: dict[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    where = f"{report.get('card', 'no GPU')}, {machine['cores']} x {machine['cpu']}"
    yield f"{report['command']}; {where}; torch {machine['torch']}; commit {report['commit']}"
    yield f"{report['weights']}; {report['device']} in {report['precision']}, {report['slots']} slots"
    yield ""
    yield from table(TITLES, (_row(row) for row in report["rows"]))
    waits = report["waits_per_step"]
    yield f"Waits of the host per step: {'nothing to wait for' if waits is None else f'{waits:.1f}'}."
    yield _limit(**report["limit"])


def _row(row: dict[str, Any]) -> list[str]:
    return [
        row["arrivals"],
        *(str(row[name]) for name in ("streams", "utterances", "unfinished")),
        *(_ms(row[name]) for name in ("ttfa_p50", "ttfa_p95", "ttfa_p99")),
        *(f"{row[name]:.0%}" for name in ("c50", "c100", "c200")),
        *(_ms(row[name]) for name in ("step_p50", "step_p99")),
        f"{row['rows_per_step']:.1f}",
        *(_ms(row[name]) for name in ("vocoder_p50", "vocoder_per_audio_second", "prefill_p50")),
        f"{row['audio_per_second']:.1f}",
    ]


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1000 * seconds:.1f}" if seconds < 0.1 else f"{1000 * seconds:.0f}"


def _limit(fluent: int | None, stuttering: int | None) -> str:
    largest = (
        "with none of these numbers of listeners" if fluent is None else f"with up to {fluent} listeners at a time"
    )
    first = "" if stuttering is None else f", and no longer with {stuttering}"
    return f"C100 was 99 % {largest}{first}."
