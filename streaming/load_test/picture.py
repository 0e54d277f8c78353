"""The result of a load test as a picture. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from streaming.load_test.figures import Outcome
from streaming.load_test.plan import KINDS


def draw(path: Path, outcomes: Sequence[Outcome], begun: float, title: str) -> None:
    """When turns were to begin and how long it took until they were heard, and the buffer that each share of them needs.
    `begun`: the moment at which the test began, by the clock of the outcomes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    times, buffers = figure.subplots(2, 1)
    figure.suptitle(title)
    for kind in KINDS:
        heard = [outcome for outcome in outcomes if outcome.kind == kind and outcome.hearing.ttfa is not None]
        if heard:
            at = [outcome.hearing.intended - begun for outcome in heard]
            times.scatter(at, [(outcome.hearing.ttfa or 0) * 1000 for outcome in heard], s=12, label=kind)
    refused = [outcome.hearing.intended - begun for outcome in outcomes if outcome.hearing.began is None]
    times.scatter(refused, [0] * len(refused), marker="x", color="black", s=16, label="without sound")
    times.set(xlabel="intended beginning (s)", ylabel="to the first audible packet (ms)")
    times.legend()
    heard = [outcome for outcome in outcomes if outcome.hearing.began is not None and not outcome.is_slow]
    needed = sorted(outcome.hearing.buffer * 1000 for outcome in heard)
    buffers.step(needed, [100 * (number + 1) / len(needed) for number in range(len(needed))], where="post")
    buffers.set(xlabel="buffer of the player (ms)", ylabel="turns that never run dry (%)", ylim=(0, 102))
    figure.savefig(path, dpi=100)
