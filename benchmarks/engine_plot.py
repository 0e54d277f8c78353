"""The results of `benchmarks/engine.py` as a picture. Needs matplotlib, which requirements-dev.txt names."""

from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.heard import RATE

_COLOURS = {"ours": "C0", "coqui-tts, chunk 10": "C1", "coqui-tts, chunk 20": "C2"}


def plot(report: dict[str, Any], path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    _timelines(axes[0, 0], report["timelines"])
    _walls(axes[0, 1], report["utterances"])
    _first_audio(axes[1, 0], report["utterances"])
    _throughput(axes[1, 1], report["throughput"])
    machine = report["machine"]
    figure.suptitle(
        f"{report['checkpoint']}, {machine['cores']} x {machine['cpu']}, commit {report['commit']}", fontsize=10
    )
    figure.savefig(path, dpi=110, format="png")


def _timelines(axes: Axes, timelines: dict[str, list[tuple[float, int]]]) -> None:
    """Audio that is there, against time; a player that begins at the first packet follows the slope of 1."""
    for label, chunks in timelines.items():
        audio = list(accumulate(samples / RATE for _, samples in chunks))
        axes.step([at for at, _ in chunks], audio, where="post", label=label, color=_colour(label))
        if label == "ours":
            first = chunks[0][0]
            axes.plot(
                [first, first + audio[-1]], [0, audio[-1]], "k:", linewidth=1, label="real time from our first packet"
            )
    axes.set(title="Audio of one utterance", xlabel="s since the request", ylabel="s of audio received")
    axes.legend()


def _walls(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for label in _labels(rows):
        mine = [row for row in rows if row["engine"] == label]
        axes.plot(
            [row["audio"] for row in mine], [row["wall"] for row in mine], "o-", label=label, color=_colour(label)
        )
    lengths = sorted(row["audio"] for row in rows)
    axes.plot(lengths, lengths, "k:", linewidth=1, label="real time")
    axes.set(title="One stream", xlabel="s of audio", ylabel="s until all of it is there", xscale="log", yscale="log")
    axes.legend()


def _first_audio(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Of the shortest utterance."""
    shortest = [row for row in rows if row["tokens"] == min(row["tokens"] for row in rows)]
    names = [row["engine"] for row in shortest]
    axes.barh(
        names, [1000 * row["playable_at"] for row in shortest], color="lightgrey", label="never runs dry from here on"
    )
    axes.barh(names, [1000 * row["ttfa"] for row in shortest], height=0.4, color="C0", label="first audio")
    axes.set(title=f"When speech of {shortest[0]['audio']:.1f} s can begin", xlabel="ms since the request")
    axes.legend()


def _throughput(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for label in _labels(rows):
        mine = [row for row in rows if row["engine"] == label]
        axes.plot(
            [row["streams"] for row in mine],
            [row["throughput"] for row in mine],
            "o-",
            label=label,
            color=_colour(label),
        )
    axes.axhline(1, color="k", linestyle=":", linewidth=1)
    axes.set(title="Several streams together", xlabel="streams", ylabel="s of audio per s", ylim=(0, None))
    axes.legend()


def _labels(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["engine"] for row in rows))


def _colour(label: str) -> str:
    return _COLOURS.get(label, "C3")
