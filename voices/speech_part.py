"""Where somebody speaks in a recording: what is checked of it, and what engines are given.

Long silence is left out of both: XTTS hears the first thirty seconds of a recording only, and takes the mean of what it
hears.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# One value of the level for each of these.
SECONDS_PER_LEVEL = 0.02
# A silence is cut if it is longer than twice this, and to this much on each side of the speech.
SILENCE_KEPT = 25
# Shorter sounds between silences are clicks.
_SHORTEST_SOUND = 3
# How loud the speech is: the level that this many values reach. Few clicks do not count.
_LOUD_VALUES = 10
# Speech has pauses: where a tenth of the values is not above this, it is the noise of the room.
_NOISE_SHARE = 0.1
# Below this there is nothing, not even the noise of a room.
_LEAST_DB = -90.0
_BELOW_SPEECH_DB, _ABOVE_NOISE_DB, _LEAST_CONTRAST_DB = 40.0, 6.0, 15.0

Range = tuple[int, int]


def phrases(power: NDArray[np.floating]) -> list[Range]:
    """Where a sound is, by the mean squares of 20 ms each, 1 for full scale. From one phrase to the next there are more than
    two times SILENCE_KEPT of silence."""
    if not len(power):
        return []
    level = 10 * np.log10(np.maximum(power, 10 ** (_LEAST_DB / 10)))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], level > _threshold(level), [0]))))
    sounds = [(int(start), int(end)) for start, end in edges.reshape(-1, 2) if end - start >= _SHORTEST_SOUND]
    found: list[Range] = []
    for start, end in sounds:
        if found and start - found[-1][1] <= 2 * SILENCE_KEPT:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def kept(found: Iterable[Range], length: int) -> list[Range]:
    """The phrases with some of the silence around them, of a recording of `length` values. They do not touch each other: a
    recording without a long silence is one range, the whole."""
    return [(max(0, start - SILENCE_KEPT), min(length, end + SILENCE_KEPT)) for start, end in found]


def noise_of(power: NDArray[np.floating]) -> float:
    """The mean square of the quietest tenth, which is the noise of the room wherever speech has pauses. 0: there is none."""
    return float(np.sort(power)[int(_NOISE_SHARE * len(power))]) if len(power) else 0.0


def _threshold(level: NDArray[np.floating]) -> float:
    """In dB. Speech changes all the time and the noise of a room hardly: what stays just above the quietest values is noise,
    if the speech is much louder."""
    ordered = np.sort(level)
    loud, noise = float(ordered[-min(_LOUD_VALUES, len(level))]), float(ordered[int(_NOISE_SHARE * len(level))])
    return max(_LEAST_DB, loud - _BELOW_SPEECH_DB, min(noise + _ABOVE_NOISE_DB, loud - _LEAST_CONTRAST_DB))
