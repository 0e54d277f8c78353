"""Signals are raised in this very process, where they have handlers meanwhile that only note them."""

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator

import pytest

from streaming.serving.held_signals import HeldSignals


@pytest.fixture
def servers_own() -> Iterator[list[int]]:
    """What a server's handlers have been given."""
    given: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: given.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    yield given
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_is_held_back_until_it_is_released(servers_own: list[int], number: signal.Signals) -> None:
    began = asyncio.Event()
    held = HeldSignals(began.set)
    held.install()
    signal.raise_signal(number)
    await asyncio.wait_for(began.wait(), 60)
    assert servers_own == []
    held.release()
    held.release()
    assert servers_own == [number]


async def test_the_second_one_releases_it(servers_own: list[int]) -> None:
    held = HeldSignals(lambda: None)
    held.install()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert servers_own == [signal.SIGTERM]
    held.release()
    assert servers_own == [signal.SIGTERM]


async def test_after_that_they_are_the_servers_again(servers_own: list[int]) -> None:
    held = HeldSignals(lambda: None)
    held.install()
    for _ in range(3):
        signal.raise_signal(signal.SIGTERM)
    assert servers_own == [signal.SIGTERM] * 2


async def test_a_worker_may_hear_the_same_one_twice(servers_own: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the group of processes, and from its parent."""
    monkeypatch.setattr(multiprocessing, "parent_process", multiprocessing.current_process)
    monkeypatch.setattr("streaming.serving.held_signals.REPETITION_SECONDS", 3600.0)
    held = HeldSignals(lambda: None)
    held.install()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert servers_own == []
    held.release()


async def test_without_a_signal_there_is_nothing_to_release(servers_own: list[int]) -> None:
    held = HeldSignals(lambda: None)
    held.install()
    held.release()
    assert servers_own == []
