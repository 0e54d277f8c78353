"""How fast engines speak: measured on the server, so that it holds for any engine. Time is an argument, in seconds.

The *pace* is the time that a second of a stream's audio takes to be made. Streams that are heard while they are made need
one below 1. It grows with the number of rows: of streams that an engine process speaks at the same time.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import mean, median

# The median of so many of the latest chunks counts: a pause of the machine, or a slow first chunk, changes nothing.
MOST_SAMPLES = 15
FEWEST_SAMPLES = 3
# What was measured longer ago may be due to something that is over.
MEMORY_SECONDS = 300.0
# How far two paces are trusted to tell of the next ones.
MOST_TIMES_AHEAD = 2
# Above so many rows, those that differ by less than an eighth are measured together.
EXACT_ROWS = 8


@dataclass(slots=True)
class _Measured:
    """The paces of the latest chunks at one number of rows."""

    paces: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_SAMPLES))
    at: float = 0.0

    @property
    def pace(self) -> float:
        return median(self.paces)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a pace: at least `low`, at most `high`, and most `likely` this; None if too little is known. `rows`: where it was
    measured last."""

    rows: int
    low: float
    high: float
    likely: float | None


class PaceModel:
    """What is known of the pace, by rows."""

    def __init__(self) -> None:
        self._measured: dict[int, _Measured] = {}

    def add(self, rows: float, pace: float, *, now: float) -> None:
        """A chunk has come: so many rows were spoken meanwhile, on average."""
        of_rows = self._measured.setdefault(_rounded(max(1, round(rows))), _Measured())
        of_rows.paces.append(pace)
        of_rows.at = now

    def estimate(self, rows: int, *, now: float) -> Estimate | None:
        """For so many rows. None if nothing has been measured.

        What was measured last shows the present condition of the machine. From there, more rows make no row faster, and a
        step for all of them takes no longer than a step for each, one after the other.
        """
        known = {
            number: measured
            for number, measured in self._measured.items()
            if len(measured.paces) >= FEWEST_SAMPLES and now - measured.at <= MEMORY_SECONDS
        }
        if not known:
            return None
        latest = max(known, key=lambda number: known[number].at)
        pace, share = known[latest].pace, rows / latest
        low, high = sorted((pace, pace * share))
        likely = self._likely(rows, latest, {number: measured.pace for number, measured in known.items()})
        return Estimate(latest, low, high, None if likely is None else min(max(likely, low), high))

    def _likely(self, rows: int, latest: int, paces: dict[int, float]) -> float | None:
        if (same := paces.get(_rounded(rows))) is not None:
            return same
        if len(paces) == 1 or rows > MOST_TIMES_AHEAD * max(paces):
            return None
        middle, mean_pace = mean(paces), mean(paces.values())
        slope = sum((number - middle) * (pace - mean_pace) for number, pace in paces.items())
        slope /= sum((number - middle) ** 2 for number in paces)
        return paces[latest] + max(0.0, slope) * (rows - latest)


def _rounded(rows: int) -> int:
    return rows if rows <= EXACT_ROWS else rows - rows % (rows // EXACT_ROWS)


@dataclass(slots=True)
class _Row:
    """A stream that is being spoken: its audio since its first chunk, and that of its latest one."""

    first_at: float | None = None
    latest_at: float = 0.0
    latest_sum: float = 0.0
    seconds: float = 0.0


class RowMeter:
    """Measures the rows of one engine process, and tells `model`."""

    def __init__(self, model: PaceModel) -> None:
        self._model = model
        self._rows: dict[str, _Row] = {}
        # The rows, summed up over time until then.
        self._sum = 0.0
        self._summed_at = 0.0

    def begin(self, name: str, *, now: float) -> None:
        self._sum_up(now)
        self._rows[name] = _Row()

    def heard(self, name: str, seconds: float, *, now: float) -> None:
        """So much audio of the row has come. How long the first chunk took says nothing: text had to be read before it."""
        row = self._rows.get(name)
        if row is None:
            return
        self._sum_up(now)
        if row.first_at is None:
            row.first_at = now
        elif seconds and now > row.latest_at:
            elapsed = now - row.latest_at
            self._model.add((self._sum - row.latest_sum) / elapsed, elapsed / seconds, now=now)
        row.latest_at, row.latest_sum = now, self._sum
        row.seconds += seconds

    def end(self, name: str, *, now: float) -> None:
        self._sum_up(now)
        self._rows.pop(name, None)

    def leads(self, *, now: float) -> Iterator[float]:
        """The audio that each listener has left, who began to play with the first chunk; below 0, he has waited so long."""
        for row in self._rows.values():
            if row.first_at is not None:
                yield row.seconds - (now - row.first_at)

    def _sum_up(self, now: float) -> None:
        self._sum += len(self._rows) * (now - self._summed_at)
        self._summed_at = now
