"""So much per time, for each of many subjects: the generic cell rate algorithm, one number per subject. No clock."""

from collections.abc import Hashable

_PRUNE_ABOVE = 1024


class Rates:
    """Each subject has a store that fills steadily; what is asked for costs some seconds of filling. `window` is how many
    seconds' worth a full store holds."""

    def __init__(self) -> None:
        # When the store will be full again. A subject that is not in here has a full one.
        self._full_at: dict[Hashable, float] = {}
        self._prune_above = _PRUNE_ABOVE

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, subject: Hashable, cost: float, *, window: float, now: float) -> float:
        """0.0 if it was there and has been taken; else the seconds until it will be, and nothing is taken.

        What costs more than a full store holds is given from a full one, and owed: else it would never be.
        """
        full_at = max(self._full_at.get(subject, now), now)
        wait = full_at + min(cost, window) - (now + window)
        # A millionth of a second is rounding, not waiting.
        if wait > 1e-6:
            return wait
        self.note(subject, cost, now=now)
        return 0.0

    def note(self, subject: Hashable, cost: float, *, now: float) -> None:
        """It has been taken, whether it was there or not."""
        self._full_at[subject] = max(self._full_at.get(subject, now), now) + cost
        self._prune(now)

    def give_back(self, subject: Hashable, cost: float) -> None:
        """What was taken and not used after all."""
        if subject in self._full_at:
            self._full_at[subject] -= cost

    def forget(self, subject: Hashable) -> None:
        """Its store is full again."""
        self._full_at.pop(subject, None)

    def _prune(self, now: float) -> None:
        if len(self._full_at) > self._prune_above:
            self._full_at = {subject: full_at for subject, full_at in self._full_at.items() if full_at > now}
            self._prune_above = max(_PRUNE_ABOVE, 2 * len(self._full_at))
