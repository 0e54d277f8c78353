"""What all turns together were like."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from streaming.load_test.hearing import Hearing

COMPLETE, VANISHED, UNFINISHED = "complete", "vanished", "unfinished"
# Milliseconds that a player holds back at its beginning: C50, C100, C200.
BUFFERS = (50, 100, 200)


@dataclass(slots=True)
class Outcome:
    """Of one turn. `end`: complete, vanished or unfinished, or the reason why the server refused it or broke it off.
    `begun_late`: how much later the client came to speak than it wanted to, for which the load tester is to blame."""

    kind: str
    hearing: Hearing
    end: str
    is_slow: bool = False
    begun_late: float = 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several values, in milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread | None":
        if not seconds:
            return None
        ordered = sorted(seconds)
        return cls(*(round(percentile(ordered, share) * 1000, 1) for share in (0.5, 0.95, 0.99, 1.0)))


@dataclass(frozen=True)
class Figures:
    """`fluent`: for each of BUFFERS, the share of turns in which a player that holds so much back never runs dry. Turns of
    slow clients have no share in it, nor in `lateness` and the gaps: they starve themselves."""

    turns: int
    ends: dict[str, int]
    ttfa: Spread | None
    silent: int
    fluent: dict[str, float | None]
    lateness: Spread | None
    gaps: int
    turns_with_gaps: int
    longest_starved_ms: float
    audio_seconds: float
    begun_late: Spread | None
    by_kind: dict[str, "Figures"] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "Figures":
        complete = [outcome for outcome in outcomes if outcome.end == COMPLETE]
        heard = [outcome.hearing for outcome in complete if not outcome.is_slow]
        times = [outcome.hearing.ttfa for outcome in outcomes]
        return cls(
            turns=len(outcomes),
            ends=dict(Counter(outcome.end for outcome in outcomes).most_common()),
            ttfa=Spread.of([time for time in times if time is not None]),
            silent=sum(outcome.hearing.audible_at is None for outcome in complete),
            fluent={f"C{buffer}": fluent(heard, buffer / 1000) for buffer in BUFFERS},
            lateness=Spread.of([late for hearing in heard for late in hearing.lateness]),
            gaps=sum(hearing.gaps for hearing in heard),
            turns_with_gaps=sum(hearing.gaps > 0 for hearing in heard),
            longest_starved_ms=round(max((hearing.starved for hearing in heard), default=0.0) * 1000, 1),
            audio_seconds=round(sum(outcome.hearing.audio for outcome in outcomes), 2),
            begun_late=Spread.of([outcome.begun_late for outcome in outcomes]),
        )

    @classmethod
    def with_kinds(cls, outcomes: Sequence[Outcome]) -> "Figures":
        """The same for each kind of client besides."""
        whole = cls.of(outcomes)
        for kind in sorted({outcome.kind for outcome in outcomes}):
            whole.by_kind[kind] = cls.of([outcome for outcome in outcomes if outcome.kind == kind])
        return whole

    @property
    def refused(self) -> dict[str, int]:
        """By reason."""
        return {end: count for end, count in self.ends.items() if end not in (COMPLETE, VANISHED, UNFINISHED)}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values, which are in order, that at least `share` of them do not exceed."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def fluent(hearings: Sequence[Hearing], buffer: float) -> float | None:
    """The share whose player never runs dry if it holds so many seconds back. None if nothing was heard."""
    sounding = [hearing for hearing in hearings if hearing.began is not None]
    if not sounding:
        return None
    # A clock's rounding is no lateness.
    return sum(hearing.buffer <= buffer + 1e-9 for hearing in sounding) / len(sounding)
