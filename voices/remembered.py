"""What the database has answered, kept for a moment, and a little longer while it does not answer."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Clock = Callable[[], float]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """At most `most` values: those that were used longest ago are forgotten. Any thread may call."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._values: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._changes = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def changes(self) -> int:
        """How often something was forgotten because it had changed. What was asked before may be out of date."""
        return self._changes

    def get(self, key: Key, seconds: float) -> Value | None:
        """Its value, unless that is older."""
        with self._lock:
            value, since = self._values.get(key, (None, 0.0))
            if value is None or self._clock() - since > seconds:
                return None
            self._values.move_to_end(key)
            return value

    def keep(self, key: Key, value: Value, changes: int) -> None:
        """What was asked when `changes` was so. Ignored if something has changed since."""
        with self._lock:
            if changes != self._changes:
                return
            self._values[key] = value, self._clock()
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def values(self) -> list[Value]:
        with self._lock:
            return [value for value, _ in self._values.values()]

    def drop(self, key: Key) -> None:
        with self._lock:
            self._values.pop(key, None)

    def age(self, seconds: float) -> None:
        """Any of it may have changed: it counts as asked so much earlier. While nobody answers, that is better than
        nothing."""
        with self._lock:
            self._changes += 1
            self._values = OrderedDict((key, (value, since - seconds)) for key, (value, since) in self._values.items())

    def forget(self, is_changed: Callable[[Key, Value], bool]) -> None:
        """What has changed, or what depends on it."""
        with self._lock:
            self._changes += 1
            for key in [key for key, (value, _) in self._values.items() if is_changed(key, value)]:
                del self._values[key]
