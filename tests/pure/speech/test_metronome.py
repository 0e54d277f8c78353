"""Calls at their time, in order, however many there are."""

import asyncio

from streaming.speech.metronome import Metronome, metronome_of


async def called(metronome: Metronome, *delays: float) -> list[tuple[float, float]]:
    """When each call was due, and when it came, in the order in which they came."""
    clock, found, done = asyncio.get_running_loop().time, list[tuple[float, float]](), asyncio.Event()
    begin = clock()

    def note(due: float) -> None:
        found.append((due, clock()))
        if len(found) == len(delays):
            done.set()

    for delay in delays:
        metronome.call_at(begin + delay, lambda due=begin + delay: note(due))  # type: ignore[misc]
    await asyncio.wait_for(done.wait(), 60)
    return found


async def test_no_call_comes_early_and_none_is_lost() -> None:
    found = await called(Metronome(), 0.02, 0.0, 0.0305, 0.02, -1.0, 0.0301)
    assert len(found) == 6
    assert all(came >= due for due, came in found)


async def test_earlier_ticks_come_first() -> None:
    found = await called(Metronome(), 0.03, 0.01, 0.02, 0.0)
    assert [due for due, _ in found] == sorted(due for due, _ in found)


async def test_a_call_may_ask_for_the_next_one() -> None:
    metronome, clock, done = Metronome(), asyncio.get_running_loop().time, asyncio.Event()
    left = 5

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            metronome.call_at(clock() + 0.002, again)
        else:
            done.set()

    metronome.call_at(clock(), again)
    await asyncio.wait_for(done.wait(), 60)
    assert left == 0


async def test_an_event_loop_has_one() -> None:
    loop = asyncio.get_running_loop()
    assert metronome_of(loop) is metronome_of(loop)
