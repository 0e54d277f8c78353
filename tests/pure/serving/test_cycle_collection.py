"""When cycles are looked for, and among what."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from streaming.serving import cycle_collection
from streaming.serving.cycle_collection import CycleCollection


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def lost_cycle() -> "weakref.ref[Cycle]":
    return weakref.ref(Cycle())


async def is_reached(condition: Callable[[], bool]) -> bool:
    """Within a minute."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.001)
    return condition()


async def is_collected(cycle: "weakref.ref[Cycle]") -> bool:
    return await is_reached(lambda: cycle() is None)


@pytest.fixture(autouse=True)
def python_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks every millisecond, and nothing else collects."""
    monkeypatch.setattr(cycle_collection, "LOOK_SECONDS", 0.001)
    thresholds, threshold_of_tests = gc.get_threshold(), (0, 0, 0)
    monkeypatch.setattr(cycle_collection, "THRESHOLDS", threshold_of_tests)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_what_is_there_at_the_start_is_not_looked_at_again() -> None:
    collection = CycleCollection(lambda: False)
    collection.start()
    collection.stop()
    assert gc.get_freeze_count() > 1000


async def test_cycles_are_collected_while_nobody_is_connected() -> None:
    collection = CycleCollection(lambda: True)
    collection.start()
    assert await is_collected(lost_cycle())
    collection.stop()


async def test_with_somebody_connected_cycles_wait() -> None:
    asked = asyncio.Event()

    def is_idle() -> bool:
        asked.set()
        return False

    collection = CycleCollection(is_idle)
    collection.start()
    cycle = lost_cycle()
    for _ in range(3):
        asked.clear()
        await asked.wait()
    collection.stop()
    assert cycle() is not None


async def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle_collection, "LONGEST_SECONDS", 0.0)
    collection = CycleCollection(lambda: False)
    collection.start()
    assert await is_collected(lost_cycle())
    collection.stop()


async def test_what_was_imported_late_stays_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle_collection, "MANY_OBJECTS", 10)
    collection = CycleCollection(lambda: True)
    collection.start()
    before, imported = gc.get_freeze_count(), [list[int]() for _ in range(1000)]
    assert await is_reached(lambda: gc.get_freeze_count() > before + len(imported) // 2)
    collection.stop()
