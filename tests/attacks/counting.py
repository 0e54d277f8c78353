"""How much work something is, counted and not timed: the same on every machine, however busy."""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

# What one line allocates beyond this is a copy of text, not the object that any step makes.
_LARGE = 256


@dataclass(frozen=True)
class Work:
    """`lines` of Python that were executed; `copied`: bytes of all large copies that they made, kept or not."""

    lines: int
    copied: int


def lines_of(act: Callable[[], object]) -> int:
    """Lines of Python that `act` executes in this thread: as `work_of` counts them, in less than a third of the time."""
    lines = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal lines
        lines += 1
        return trace

    with traced_by(trace):
        act()
    return lines


def work_of(act: Callable[[], object]) -> Work:
    """What `act` costs in this thread."""
    lines = copied = held = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal lines, copied, held
        now, most = tracemalloc.get_traced_memory()
        copied += most - held if most - held > _LARGE else 0
        lines += 1
        tracemalloc.reset_peak()
        held = now
        return trace

    tracemalloc.start()
    held, _ = tracemalloc.get_traced_memory()
    try:
        with traced_by(trace):
            act()
    finally:
        tracemalloc.stop()
    return Work(lines, copied)


@contextmanager
def traced_by(trace: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """Nothing is collected meanwhile: what others have left in cycles would be counted when it is finalized."""
    before, was_on = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        if was_on:
            gc.enable()


class ScannedPattern:
    """A compiled pattern that counts how many characters its `finditer` goes over."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self.scanned = 0

    def finditer(self, text: str) -> Iterator[Any]:
        place = 0
        for match in self._pattern.finditer(text):
            self.scanned += match.end() - place
            place = match.end()
            yield match
        self.scanned += len(text) - place
