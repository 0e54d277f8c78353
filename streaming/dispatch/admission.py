"""May one more stream be spoken? Not if it, or those that are spoken already, would fall behind real time. Time is an
argument, in seconds."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from streaming.dispatch.pace import PaceModel, RowMeter

# Before anything has been measured, so many streams begin in a process at the same time; more wait until it has been.
COLD_ROWS = 4
# One more row is tried, where nobody knows what it does, if every listener has so much audio left.
SPARE_SECONDS = 1.0
# A speech that goes on counts for so long, until its next utterance is there.
BETWEEN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """The processes that are ready, and the rows that each may have."""

    processes: int
    slots: int


class Admission:
    """`max_load`: the share of the engines' time that streams in real time may take; None: nobody is refused, nothing is
    held back."""

    def __init__(self, max_load: float | None) -> None:
        self._max_load = max_load
        self.model = PaceModel()
        self._meters: list[RowMeter] = []
        self._between: deque[float] = deque()

    def new_meter(self) -> RowMeter:
        """For one more process."""
        self._meters.append(RowMeter(self.model))
        return self._meters[-1]

    def will_go_on(self, *, now: float) -> None:
        """An utterance has been made, and its speech goes on."""
        self._between.append(now + BETWEEN_SECONDS)

    def goes_on(self) -> None:
        """The next utterance of such a speech is there."""
        if self._between:
            self._between.popleft()

    def load(self, streams: int, capacity: Capacity, *, now: float) -> float | None:
        """The share of the engines' time that so many streams take, that are spoken or wait. None if it is not known."""
        if not streams:
            return 0.0
        rows, share = _spread(streams, capacity)
        estimate = self.model.estimate(rows, now=now)
        return None if estimate is None else share * (estimate.high if estimate.likely is None else estimate.likely)

    def admits(self, streams: int, capacity: Capacity, *, now: float) -> bool:
        """Whether one more may come, where so many are spoken or wait."""
        while self._between and self._between[0] < now:
            self._between.popleft()
        streams += len(self._between)
        if self._max_load is None or streams == 0:
            return True
        if self._is_behind(now):
            return False
        rows, share = _spread(streams + 1, capacity)
        return self._bears(rows, share, now, cold=rows)

    def may_begin(self, running: int, *, now: float) -> bool:
        """Whether a process may begin with one more, where so many are running in it."""
        return self._max_load is None or running == 0 or self._bears(running + 1, 1.0, now, cold=COLD_ROWS)

    def _bears(self, rows: int, share: float, now: float, *, cold: int) -> bool:
        if self._max_load is None:
            return True
        estimate = self.model.estimate(rows, now=now)
        if estimate is None:
            return rows <= cold
        if estimate.likely is not None:
            return share * estimate.likely <= self._max_load
        if share * estimate.high <= self._max_load:
            return True
        may_be_tried = rows <= estimate.rows + 1 and share * estimate.low <= self._max_load
        return may_be_tried and min(self._leads(now), default=0.0) >= SPARE_SECONDS

    def _is_behind(self, now: float) -> bool:
        """Whether those that are spoken are behind their listeners, on average."""
        leads = self._leads(now)
        return len(leads) > 1 and sum(leads) < 0

    def _leads(self, now: float) -> Sequence[float]:
        return [lead for meter in self._meters for lead in meter.leads(now=now)]


def _spread(streams: int, capacity: Capacity) -> tuple[int, float]:
    """The rows of each process, and how many streams share one of these."""
    processes, slots = max(1, capacity.processes), max(1, capacity.slots)
    rows = min(math.ceil(streams / processes), slots)
    return rows, max(1.0, streams / (processes * rows))
