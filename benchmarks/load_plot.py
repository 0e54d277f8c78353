"""The results of `benchmarks/load.py` as a picture. Needs matplotlib."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Rows = list[dict[str, Any]]


def plot(report: dict[str, Any], path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    rows = report["rows"]
    staggered, bursts = ([row for row in rows if row["arrivals"] == arrivals] for arrivals in ("staggered", "burst"))
    _first_sound(axes[0, 0], staggered, bursts)
    _fluency(axes[0, 1], staggered)
    _parts(axes[1, 0], staggered)
    _throughput(axes[1, 1], staggered, bursts)
    machine = report["machine"]
    where = report.get("card", f"{machine['cores']} x {machine['cpu']}")
    figure.suptitle(f"{report['weights']}, {report['precision']}, {where}, commit {report['commit']}", fontsize=10)
    figure.savefig(path, dpi=110, format="png")


def _line(axes: Axes, rows: Rows, name: str, label: str, *, scale: float = 1.0, style: str = "o-") -> None:
    axes.plot([row["streams"] for row in rows], [scale * row[name] for row in rows], style, label=label)


def _first_sound(axes: Axes, staggered: Rows, bursts: Rows) -> None:
    for rows, arrivals, style in ((staggered, "staggered", "o-"), (bursts, "burst", "s--")):
        for share in ("p50", "p95"):
            _line(axes, rows, f"ttfa_{share}", f"{arrivals}, {share}", scale=1000, style=style)
    axes.set(title="Request to first sound", xlabel="listeners", ylabel="ms", xscale="log", yscale="log")
    axes.legend()


def _fluency(axes: Axes, staggered: Rows) -> None:
    for held_back in (50, 100, 200):
        _line(axes, staggered, f"c{held_back}", f"holding {held_back} ms back", scale=100)
    axes.axhline(99, color="k", linestyle=":", linewidth=1)
    axes.set(title="Utterances that never starve a player", xlabel="listeners", ylabel="%", xscale="log", ylim=(0, 102))
    axes.legend()


def _parts(axes: Axes, staggered: Rows) -> None:
    for name, label in (
        ("step_p50", "step, median"),
        ("step_p99", "step, 99th percentile"),
        ("vocoder_p50", "decode, median"),
        ("vocoder_per_audio_second", "vocoder, per second of audio"),
        ("prefill_p50", "prefill, median"),
    ):
        # Where texts are read beside steps, a prefill has no time of its own.
        if any(row[name] is None for row in staggered):
            continue
        _line(axes, staggered, name, label, scale=1000)
    axes.set(title="What takes the time (staggered)", xlabel="listeners", ylabel="ms", xscale="log", yscale="log")
    axes.legend()


def _throughput(axes: Axes, staggered: Rows, bursts: Rows) -> None:
    _line(axes, staggered, "audio_per_second", "staggered")
    _line(axes, bursts, "audio_per_second", "burst", style="s--")
    listeners = [row["streams"] for row in staggered]
    axes.plot(listeners, listeners, "k:", linewidth=1, label="as fast as all of them listen")
    axes.set(title="Audio made", xlabel="listeners", ylabel="s per s", xscale="log", yscale="log")
    axes.legend()
