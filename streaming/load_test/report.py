"""The result of a load test: as text for people, as JSON for programs."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from streaming.load_test.figures import Figures, Spread
from streaming.load_test.plan import Scenario
from streaming.load_test.server_load import ServerLoad


@dataclass(frozen=True)
class Report:
    """`seconds`: how long it took. `server`: None if it is on another machine."""

    url: str
    scenario: Scenario
    figures: Figures
    seconds: float
    clients: int
    most_present: int
    server: ServerLoad | None = None
    was_stopped: bool = False

    def as_json(self) -> str:
        """Spreads are in milliseconds."""
        fields: dict[str, Any] = asdict(replace(self, scenario=self.scenario))
        fields["figures"]["audio_per_second"] = round(self.audio_per_second, 2)
        fields["figures"]["refused"] = self.figures.refused
        return json.dumps(fields, indent=2)

    @property
    def audio_per_second(self) -> float:
        return self.figures.audio_seconds / self.seconds if self.seconds else 0.0

    def as_text(self) -> str:
        figures = self.figures
        lines = [
            f"{self.clients} clients came in {self.seconds:.1f} s, at most {self.most_present} at a time; "
            f"{figures.turns} turns, {figures.audio_seconds:.1f} s of audio ({self.audio_per_second:.1f} s per second).",
            "",
            *_table(figures),
            "",
            f"Lateness of packets: {_spread(figures.lateness)}.",
            f"Gaps: {figures.gaps}, in {figures.turns_with_gaps} turns; at most {figures.longest_starved_ms:.0f} ms in one.",
            f"Ends: {', '.join(f'{end} {count}' for end, count in figures.ends.items()) or 'none'}.",
            f"Silent: {figures.silent} complete turns in which nothing was to be heard.",
            f"This tester began turns late: {_spread(figures.begun_late)}.",
        ]
        if self.server:
            lines.append(
                f"Server: {self.server.processes} processes, {self.server.cores:.2f} cores on average, "
                f"at most {self.server.most_bytes / 2**20:.0f} MB."
            )
        if self.was_stopped:
            lines.append("Stopped before the end.")
        return "\n".join(lines)


def _table(figures: Figures) -> list[str]:
    heads = ["clients", "turns", "complete", "refused", "TTFA p50", "p95", "p99", *figures.fluent]
    rows = [_row("all", figures), *(_row(kind, part) for kind, part in figures.by_kind.items())]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *rows)
    ]


def _row(name: str, figures: Figures) -> list[str]:
    times = (figures.ttfa.p50, figures.ttfa.p95, figures.ttfa.p99) if figures.ttfa else None
    return [
        name,
        str(figures.turns),
        str(figures.ends.get("complete", 0)),
        str(sum(figures.refused.values())),
        *(f"{time:.0f} ms" for time in times or ()),
        *("-" for _ in range(0 if times else 3)),
        *("-" if share is None else f"{share:.1%}" for share in figures.fluent.values()),
    ]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "none"
    return f"p50 {spread.p50:.1f} ms, p95 {spread.p95:.1f} ms, p99 {spread.p99:.1f} ms, at most {spread.most:.1f} ms"
