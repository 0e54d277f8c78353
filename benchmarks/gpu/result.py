"""What became of a part of the GPU check, and how it is shown."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.engine_table import table
from benchmarks.load_table import table_of

# The exit code of a process whose GPU computes nothing more.
SPOILED = 8


@dataclass(slots=True)
class Result:
    """`verdict`: holds, fails, or not run. `figures`: what it was judged by; `said`: why it is so."""

    part: str
    verdict: str
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    said: str = ""


def show(report: dict[str, Any]) -> str:
    machine = report["machine"]
    yielded = [
        f"{report['command']}; {report['card'].get('name', 'no GPU')}, {machine['cores']} x {machine['cpu']}; "
        f"torch {machine['torch']}; commit {report['commit']}; {report['seconds']:.0f} s",
        "",
    ]
    if report["load"]:
        yielded += [*table_of(report["load"]), ""]
    yielded += table(
        ("part", "verdict", "s", "figures"),
        (
            (result["part"], result["verdict"], f"{result['seconds']:.0f}", _figures(result))
            for result in report["results"]
        ),
    )
    return "\n".join(yielded)


def _figures(result: dict[str, Any]) -> str:
    shown = (
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in result["figures"].items()
    )
    return "; ".join([*([result["said"]] if result["said"] else []), *shown])
