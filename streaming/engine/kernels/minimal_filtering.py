"""Convolutions along time with fewer multiplications: Toom-Cook (Winograd) minimal filtering.

For a tile of m outputs of a filter with r taps, n = m + r - 1 inputs are mixed into n values, each value is multiplied by
the filter's value at that point (over channels: a matrix product), and the n products are mixed into the m outputs: n
multiplications instead of m * r. A longer filter is cut into parts of m taps: part s of tile t reads what part 0 of tile
t + s reads, so all parts share one mixing.

A. L. Toom 1963, S. Winograd 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How tiles of `outputs` outputs are computed, for parts of `taps` taps."""

    outputs: int
    taps: int
    mix_inputs: Doubles  # (n, n)
    mix_weights: Doubles  # (n, taps)
    mix_products: Doubles  # (outputs, n)

    def parts(self, taps: int) -> int:
        """Into how many parts a filter of `taps` taps is cut."""
        return -(-taps // self.taps)

    def transformed(self, weight: Doubles) -> Doubles:
        """A filter (outputs, inputs, taps) by points: (n, parts, inputs, outputs)."""
        outputs, inputs, taps = weight.shape
        parts = self.parts(taps)
        weight = np.pad(weight, ((0, 0), (0, 0), (0, parts * self.taps - taps)))
        return np.einsum("pr,oisr->psio", self.mix_weights, weight.reshape(outputs, inputs, parts, self.taps))


def make_scheme(outputs: int, taps: int, points: Sequence[float]) -> Scheme:
    """Evaluation at `points`, outputs + taps - 2 different numbers, and at infinity.

    Small numbers of both signs and their inverses round best. A longer filter can be cut where taps = outputs.
    """
    lagrange = []
    for index, point in enumerate(points):
        others = np.array([*points[:index], *points[index + 1 :]])
        lagrange.append(np.append(np.poly(others)[::-1] / np.prod(point - others), 0.0))
    mix_inputs = np.stack([*lagrange, np.poly(points)[::-1]])
    return Scheme(outputs, taps, mix_inputs, _powers(points, taps), _powers(points, outputs).T)


def _powers(points: Sequence[float], count: int) -> Doubles:
    """(points, count), the last line for the point at infinity."""
    at_infinity = np.eye(count)[-1:]
    return np.concatenate([np.vander(points, count, increasing=True), at_infinity])


# Chosen by the speed and the rounding error of whole networks: 1.3, 2.5 and 3.7 multiplications instead of 3, 7 and 11, and
# an error about 1.5 times that of the plain sums in float32.
TAPS_3 = make_scheme(6, 3, (0, 1, -1, 1 / 2, -1 / 2, 2, -2))
TAPS_7 = make_scheme(4, 7, (0, 2 / 5, -2 / 5, 4 / 5, -4 / 5, 5 / 4, -5 / 4, 5 / 2, -5 / 2))
TAPS_11 = make_scheme(6, 6, (1 / 4, -1 / 4, 1 / 2, -1 / 2, 1, -1, 4 / 3, -4 / 3, 5 / 2, -5 / 2))
