"""How often something took how long. For what is done with every packet: to add a value takes a fraction of a microsecond,
and nobody is told of it before somebody asks.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """What a distribution had at some time: the sum of its values, and how many were in each range."""

    sum: float = 0.0
    counts: tuple[int, ...] = ()


class Distribution:
    """`bounds`: the upper end of each range, itself included, in ascending order; one more range has all that is above. One
    thread adds, and any may read."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def totals(self) -> Totals:
        return Totals(self.sum, tuple(self.counts))

    def grow(self, before: Totals, after: Totals) -> None:
        """Add what has come to another distribution with these bounds meanwhile."""
        if len(after.counts) != len(self.counts):
            return  # there is no other one
        known = before.counts or (0,) * len(self.counts)
        for index, (count, old) in enumerate(zip(after.counts, known, strict=True)):
            self.counts[index] += count - old
        self.sum += after.sum - before.sum
