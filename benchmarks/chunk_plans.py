"""How slow steps may be before a listener starves, for different plans of when chunks are due. A calculation: no engine
runs.

    python benchmarks/chunk_plans.py --decode 24,10.5
    python benchmarks/chunk_plans.py --decode 1.8,0 --by-lead

--decode   what a decode takes, in ms: for itself, and for each latent in it. Measured by benchmarks/gpu_check.sh, or on a
CPU by
           benchmarks/kernels.py
--buffer   what a player holds back before it plays, in ms; default 100
--seconds  of speech; default 10

For each plan: the longest time per latent, in ms, with which a player never starves, where a latent is 46 ms of audio; the
share of all time that decoding takes then; and what decoding takes per second of audio.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.engine_table import table
from benchmarks.provenance import provenance
from streaming.engine.chunk_plan import ChunkPlan
from streaming.engine.vocoder.latent_grid import LatentGrid
from streaming.engine.vocoder.stream_position import StreamPosition
from streaming.engine.vocoder.weights import FRAME_SCALES, SAMPLE_RATE

# The frames on each side of a frame that XTTS's generator reads, and the samples of a frame.
CONTEXT, HOP = 13, 256
SIZES = (4, 10, 20)


@dataclass(frozen=True, slots=True)
class Cost:
    """In seconds: of a step per latent, of a decode for itself, and for each latent in it."""

    step: float
    decode: float
    latent: float

    def decoding(self, latents: int) -> float:
        return self.decode + self.latent * latents


@dataclass(slots=True)
class FixedPlan:
    """As chunks were due before: 4, 5, and `size` from then on."""

    size: int
    given: int = 0

    @property
    def latents(self) -> int:
        return min(self.size, (4, 5)[self.given]) if self.given < 2 else self.size

    @property
    def look_ahead(self) -> float | None:
        return 2.0 if self.given == 0 else None

    def allow(self, *, lead: float, step: float, decode: float) -> None:
        """Nothing follows from it."""


Plan = ChunkPlan | FixedPlan


@dataclass(frozen=True, slots=True)
class Course:
    """How an utterance went. `starved`: how long a player without a buffer ran dry at most; `decoding`: seconds of
    decodes."""

    starved: float
    decoding: float
    seconds: float


def course(plan: Plan, cost: Cost, latents: int) -> Course:
    """Steps and decodes one after the other, as on a CPU."""
    position = StreamPosition(LatentGrid((1.0, *FRAME_SCALES)), CONTEXT)
    now = starved = decoding = 0.0
    samples = 0
    first: float | None = None
    waiting = 0
    for number in range(1, latents + 1):
        now += cost.step
        waiting += 1
        last = number == latents
        if not last and waiting < plan.latents:
            continue
        position.add(waiting)
        window = position.window(None if last else plan.look_ahead, last)
        position.advance(window, last)
        now += cost.decoding(waiting)
        decoding += cost.decoding(waiting)
        first = now if first is None else first
        starved = max(starved, now - first - samples / SAMPLE_RATE)
        samples += (window.stop - window.start) * HOP
        plan.given += 1
        plan.allow(lead=samples / SAMPLE_RATE - (now - first), step=cost.step, decode=cost.decoding(waiting))
        waiting = 0
    return Course(starved, decoding, samples / SAMPLE_RATE)


def slowest_step(make: Callable[[], Plan], cost: Cost, buffer: float, latents: int) -> float:
    """The longest step with which a player that holds `buffer` back never starves."""
    low, high = 0.0, 0.1
    for _ in range(30):
        middle = (low + high) / 2
        is_fluent = course(make(), Cost(middle, cost.decode, cost.latent), latents).starved <= buffer
        low, high = (middle, high) if is_fluent else (low, middle)
    return low


def rows(plans: Sequence[tuple[str, Callable[[], Plan]]], cost: Cost, buffer: float, latents: int) -> list[list[str]]:
    found = []
    for name, make in plans:
        step = slowest_step(make, cost, buffer, latents)
        done = course(make(), Cost(step, cost.decode, cost.latent), latents)
        share = done.decoding / (done.decoding + step * latents)
        found.append([name, f"{1000 * step:.1f}", f"{share:.0%}", f"{1000 * done.decoding / done.seconds:.0f}"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decode", default="24,10.5")
    parser.add_argument("--buffer", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    decode, latent = (float(part) / 1000 for part in options.decode.split(","))
    latents = round(options.seconds * 21.5)
    plans: list[tuple[str, Callable[[], Plan]]] = []
    for size in SIZES:
        plans += [
            (f"4, 5, {size} ...", partial(FixedPlan, size)),
            (f"in steps up to {size}", partial(ChunkPlan, size)),
            (f"by lead up to {size}", partial(ChunkPlan, size, by_lead=True)),
        ]
    print(f"{provenance()['command']}; commit {provenance()['commit']}\n")
    found = rows(plans, Cost(0.0, decode, latent), options.buffer / 1000, latents)
    print("\n".join(table(("chunks", "slowest step, ms", "share of decoding", "decoding, ms per s"), found)))


if __name__ == "__main__":
    main()
