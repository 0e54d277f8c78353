"""An event loop that stands still, and Python's search for cycles."""

import asyncio
import gc
import time
from collections.abc import Iterator

import pytest

from streaming.metrics.garbage_watch import GarbageWatch
from streaming.metrics.loop_watch import LoopWatch


async def test_a_loop_that_stands_still_is_late_by_as_much() -> None:
    watch = LoopWatch()
    watch.start()
    time.sleep(0.3)  # noqa: ASYNC251 # what nobody should do
    while not sum(watch.lag.counts):
        await asyncio.sleep(0)
    watch.stop()
    assert watch.lag.sum >= 0.2


async def test_another_thread_sees_that_a_loop_stands_still() -> None:
    watch = LoopWatch()
    watch.start()
    time.sleep(0.3)  # noqa: ASYNC251
    assert watch.overdue_seconds >= 0.2
    watch.stop()
    assert watch.overdue_seconds == 0


@pytest.fixture
def only_our_searches() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("only_our_searches")
def test_a_search_for_cycles_counts_with_its_generation() -> None:
    watch = GarbageWatch()
    watch.start()
    gc.collect()
    watch.stop()
    gc.collect()
    assert sum(watch.pauses[2].counts) == 1
    assert watch.pauses[2].sum > 0
