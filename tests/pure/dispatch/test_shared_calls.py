import asyncio

import pytest

from streaming.dispatch.shared_calls import SharedCalls


class Work:
    """A computation that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.may_end.wait()
        finally:
            self.ended += 1
        return self.begun


async def begun(*tasks: "asyncio.Task[int]") -> None:
    for _ in range(3 * len(tasks)):
        await asyncio.sleep(0)


async def test_who_asks_for_the_same_at_the_same_time_shares_it() -> None:
    calls: SharedCalls[int] = SharedCalls()
    work = Work()
    tasks = [asyncio.create_task(calls.get("key", work)) for _ in range(5)]
    await begun(*tasks)
    assert len(calls) == 1
    work.may_end.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    assert len(calls) == 0


async def test_other_keys_and_later_callers_compute_anew() -> None:
    calls: SharedCalls[int] = SharedCalls()
    work = Work()
    work.may_end.set()
    assert [await calls.get(key, work) for key in ("one", "two", "one")] == [1, 2, 3]


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    calls: SharedCalls[int] = SharedCalls()
    work = Work()
    first, second = (asyncio.create_task(calls.get("key", work)) for _ in range(2))
    await begun(first, second)
    first.cancel()
    await begun(first)
    work.may_end.set()
    assert await second == 1


async def test_the_last_to_leave_ends_it_and_a_newcomer_begins_anew() -> None:
    calls: SharedCalls[int] = SharedCalls()
    work = Work()
    tasks = [asyncio.create_task(calls.get("key", work)) for _ in range(2)]
    await begun(*tasks)
    for task in tasks:
        task.cancel()
    await begun(*tasks)
    assert (work.begun, work.ended, len(calls)) == (1, 1, 0)
    work.may_end.set()
    assert await calls.get("key", work) == 2


async def test_everybody_gets_the_same_failure() -> None:
    calls: SharedCalls[int] = SharedCalls()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    failures = await asyncio.gather(*(calls.get("key", fail) for _ in range(3)), return_exceptions=True)
    assert [str(failure) for failure in failures] == ["no"] * 3
    with pytest.raises(ValueError, match="no"):
        await calls.get("key", fail)
