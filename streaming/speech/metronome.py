"""One timer for all paced streams of an event loop.

asyncio keeps its timers in a heap that is ordered by comparisons in Python, and makes several objects for each. With
hundreds of streams that costs a packet more than its encoding. The kernel wakes an event loop to the millisecond anyway.
"""

import asyncio
import heapq
import math
from collections.abc import Callable
from weakref import WeakKeyDictionary

TICKS_PER_SECOND = 1000


class Metronome:
    """Calls functions at times of the event loop's clock: never early, and up to a tick later."""

    def __init__(self) -> None:
        self._calls: dict[int, list[Callable[[], None]]] = {}
        # The ticks that have calls, as a heap.
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def call_at(self, time: float, call: Callable[[], None]) -> None:
        tick = math.ceil(time * TICKS_PER_SECOND)
        if calls := self._calls.get(tick):
            calls.append(call)
            return
        self._calls[tick] = [call]
        heapq.heappush(self._ticks, tick)
        if self._ticks[0] == tick:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._ticks[0] / TICKS_PER_SECOND, self._tick)

    def _tick(self) -> None:
        self._timer = None
        clock, ticks = asyncio.get_running_loop().time, self._ticks
        while ticks and ticks[0] <= clock() * TICKS_PER_SECOND:
            for call in self._calls.pop(heapq.heappop(ticks)):
                call()
        if ticks and self._timer is None:
            self._set_timer()


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Metronome] = WeakKeyDictionary()


def metronome_of(loop: asyncio.AbstractEventLoop) -> Metronome:
    return _OF_LOOPS.setdefault(loop, Metronome())
