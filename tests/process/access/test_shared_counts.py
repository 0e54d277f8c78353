"""Several processes that count in one Redis: each `SharedCounts` here is one. Redis is real, and so are its failures."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.access.count_questions import Place
from streaming.access.identity import ANYBODY, Client
from streaming.access.limits import ClientLimits
from streaming.access.shared_counts import SharedCounts
from streaming.conf import LimitsConfig
from streaming.errors import Refused
from tests.live.redis_server import RedisServer
from tests.pure.clock import Clock

KEY, LIMIT = 7, 4
MARK = "0123456789abcdef"
LOGGER = "streaming.access.shared_counts"


@pytest.fixture(autouse=True)
def _empty(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.flushall()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own, to be stopped."""
    with RedisServer(tmp_path) as running:
        yield running


@asynccontextmanager
async def processes(
    redis_server: RedisServer, number: int = 1, answer_seconds: float = 60
) -> AsyncIterator[list[SharedCounts]]:
    """A machine that is busy with tests is no Redis that is away."""
    async with AsyncExitStack() as ending:
        started = [SharedCounts(redis_server.url, mark=MARK, answer_seconds=answer_seconds) for _ in range(number)]
        for counts in started:
            counts.start()
            ending.push_async_callback(counts.close)
        yield started


async def die(counts: SharedCounts) -> None:
    """As by SIGKILL: nothing is given back."""
    assert counts._task
    counts._task.cancel()
    await asyncio.wait({counts._task})


async def take(counts: SharedCounts, limit: int = 1) -> Place | None:
    place = counts.new_place(KEY)
    return place if await counts.take(place, limit) else None


def places(redis_server: RedisServer) -> int:
    with redis_server.client() as client:
        return int(client.zcard(f"xtts:{MARK}:streams:{KEY}"))


def members(redis_server: RedisServer) -> set[str]:
    with redis_server.client() as client:
        return {name.decode() for name in client.zrange(f"xtts:{MARK}:streams:{KEY}", 0, -1)}


def limits_of(counts: SharedCounts, **settings: int) -> ClientLimits:
    return ClientLimits(LimitsConfig.model_validate(settings), counts, Clock())


async def is_refused(asking: Awaitable[object]) -> bool:
    try:
        await asking
    except Refused:
        return True
    return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_of_all_that_ask_at_once_exactly_as_many_as_are_allowed_get_a_place(redis_server: RedisServer) -> None:
    async with processes(redis_server, 3) as all_:
        taken = await asyncio.gather(*(take(counts, 100) for _ in range(200) for counts in all_))
        assert sum(place is not None for place in taken) == 100
        assert places(redis_server) == 100


async def test_exactly_as_much_is_spent_as_there_is(redis_server: RedisServer) -> None:
    async with processes(redis_server, 3) as all_:
        asked = [counts.spend("characters:7", 1.0, window=3600.0) for _ in range(2000) for counts in all_]
        begun = asyncio.get_running_loop().time()
        waits = await asyncio.gather(*asked)
        seconds = asyncio.get_running_loop().time() - begun
    assert 3600 <= sum(wait == 0.0 for wait in waits) <= 3600 + seconds + 1


async def test_a_place_that_is_left_is_free_for_another_process_at_once(redis_server: RedisServer) -> None:
    async with processes(redis_server, 2) as (one, two):
        place = await take(one)
        assert place
        assert not await take(two)
        one.leave(place)
        assert await one.spend("order", 0.0, window=1.0) == 0.0  # what was asked before has arrived before
        assert await take(two)


async def test_places_are_free_as_soon_as_their_process_has_ended(redis_server: RedisServer) -> None:
    async with processes(redis_server, 2) as (one, two):
        assert await take(one)
        one.hold(one.new_place(KEY))
        await one.close()
        assert places(redis_server) == 0
        assert await take(two)


async def test_places_of_a_process_that_was_killed_are_free_after_their_lease_and_those_of_others_are_not(
    redis_server: RedisServer,
) -> None:
    async with processes(redis_server, 2, answer_seconds=5) as (one, two):
        assert await take(one, 2)
        assert await take(two, 2)
        await die(one)
        assert not await take(two, 2)
        async with asyncio.timeout(one.lease_seconds + 60):
            while not await take(two, 2):
                await asyncio.sleep(0.1)
        assert places(redis_server) == 2
        assert not await take(two, 2)


async def test_a_taker_that_is_cancelled_leaves_no_place_behind(redis_server: RedisServer) -> None:
    async with processes(redis_server) as (counts,):
        tasks = [asyncio.create_task(take(counts, 100)) for _ in range(50)]
        for turns, task in enumerate(tasks):
            for _ in range(turns % 7):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        kept = sum(not task.cancelled() for task in tasks)
        await counts.spend("order", 0.0, window=1.0)
        assert places(redis_server) == kept


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["take", "take", "hold", "leave", "cancel", "turn"])), max_size=40
    )
)
async def test_whatever_happens_at_once_redis_has_the_places_that_are_held_and_no_others(
    redis_server: RedisServer, steps: list[tuple[int, str]]
) -> None:
    with redis_server.client() as client:
        client.flushall()
    async with processes(redis_server, 3) as all_:
        taking: list[list[asyncio.Task[Place | None]]] = [[], [], []]
        held: list[list[Place]] = [[], [], []]
        for number, step in steps:
            counts, tasks = all_[number], taking[number]
            if step == "take":
                tasks.append(asyncio.create_task(take(counts, LIMIT)))
            elif step == "hold":
                held[number].append(counts.new_place(KEY))
                counts.hold(held[number][-1])
            elif step == "leave" and held[number]:
                counts.leave(held[number].pop(0))
            elif step == "cancel" and tasks:
                tasks[-1].cancel()
            else:
                await asyncio.sleep(0.001)
        results = [await asyncio.gather(*tasks, return_exceptions=True) for tasks in taking]
        taken = [{place.name for place in result if isinstance(place, Place)} for result in results]
        for counts in all_:
            await counts.spend("order", 0.0, window=1.0)
        names = {place.name for places_ in held for place in places_} | set().union(*taken)
        assert members(redis_server) == names
        assert all(set(counts._held) <= names for counts in all_)
        assert sum(map(len, taken)) <= LIMIT


async def test_a_limit_that_is_set_while_streams_run_counts_them_all(redis_server: RedisServer) -> None:
    async with processes(redis_server, 2) as (one, two):
        for _ in range(3):
            await limits_of(one).begin_stream(Client(key_id=KEY))
        await one.spend("order", 0.0, window=1.0)
        other = limits_of(two)
        assert await is_refused(other.begin_stream(Client(key_id=KEY, max_concurrent_streams=3)))
        assert not await is_refused(other.begin_stream(Client(key_id=KEY, max_concurrent_streams=4)))
        assert other.streams == {KEY: 1}


async def test_what_is_in_redis_has_our_name_and_ends_by_itself(redis_server: RedisServer) -> None:
    async with processes(redis_server) as (counts,):
        limits = limits_of(counts, max_chars_per_minute=600)
        await limits.begin_stream(Client(key_id=KEY, max_concurrent_streams=3))
        await limits.take_request(Client(key_id=KEY, max_requests_per_second=0.5))
        for number in range(1000):
            await limits.take_characters(ANYBODY, f"192.0.{number // 250}.{number % 250}", 600)
        with redis_server.client() as client:
            names = list(client.scan_iter())
            # Characters are remembered for a minute, and what else there is for seconds: it may be gone.
            assert len(names) >= 1000
            # -1: without an end; -2: it has ended.
            assert all(name.startswith(b"xtts:") and client.pttl(name) != -1 for name in names)


async def test_another_installation_counts_its_keys_of_the_same_numbers_apart(redis_server: RedisServer) -> None:
    async with processes(redis_server) as (ours,):
        theirs = SharedCounts(redis_server.url, mark="f" * 16, answer_seconds=60)
        theirs.start()
        assert [bool(await take(counts)) for counts in (ours, theirs, ours, theirs)] == [True, True, False, False]
        assert [await counts.spend("characters:7", 60.0, window=60.0) for counts in (ours, theirs)] == [0.0, 0.0]
        await theirs.close()


async def test_few_round_trips_serve_many(redis_server: RedisServer) -> None:
    async with processes(redis_server) as (counts,):
        await take(counts, 1000)
        with redis_server.client() as client:
            before = client.info("stats")["total_net_input_bytes"]
            reads = client.info("stats")["total_reads_processed"]
            await asyncio.gather(*(take(counts, 1000) for _ in range(400)))
            stats = client.info("stats")
        assert stats["total_net_input_bytes"] > before
        assert stats["total_reads_processed"] - reads < 100


# Redis that is away


async def test_without_redis_a_process_counts_alone_and_says_so_once(
    mortal: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with processes(mortal) as (counts,):
        limits, client = limits_of(counts, max_chars_per_minute=60), Client(key_id=KEY, max_concurrent_streams=2)
        await limits.begin_stream(client)
        await limits.take_characters(client, "a", 40)
        mortal.kill()
        await until(lambda: counts.is_away)
        await limits.begin_stream(client)
        assert await is_refused(limits.begin_stream(client))
        await limits.take_characters(client, "a", 20)
        assert await is_refused(limits.take_characters(client, "a", 1))
        mortal.start()
        await until(lambda: not counts.is_away)
        assert places(mortal) == 2  # also the one that began meanwhile
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_nobody_waits_twice_for_a_redis_that_says_nothing(mortal: RedisServer) -> None:
    async with processes(mortal, 2, answer_seconds=1) as (one, two):
        assert await take(one, 3)
        mortal.process.send_signal(signal.SIGSTOP)
        try:
            answers = await asyncio.gather(*(counts.take(counts.new_place(KEY), 3) for counts in (one, two)))
            assert answers == [None, None]
            assert one.is_away
            assert await one.spend("characters:7", 1.0, window=1.0) is None
        finally:
            mortal.process.send_signal(signal.SIGCONT)
        await until(lambda: not one.is_away and not two.is_away)
        assert not await take(one, 3)  # all three are there
        assert places(mortal) == 3


async def test_a_place_outlasts_the_slowest_answer_that_is_waited_for(redis_server: RedisServer) -> None:
    async with processes(redis_server, answer_seconds=60) as (counts,):
        assert await take(counts)
        with redis_server.client() as client:
            await until(lambda: client.pttl(f"xtts:{MARK}:streams:{KEY}") > 60_000)


async def test_a_process_whose_redis_was_never_there_ends_at_once() -> None:
    counts = SharedCounts("redis://127.0.0.1:1/0", mark=MARK)
    counts.start()
    assert await take(counts) is None
    assert counts.is_away
    await counts.close()


async def test_a_redis_that_stores_nothing_is_one_that_is_away(
    mortal: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with processes(mortal) as (counts,):
        assert await counts.spend("characters:7", 1.0, window=1.0) == 0.0
        with mortal.client() as client:
            client.config_set("maxmemory", 1)
        await until(lambda: counts.is_away)
        assert await counts.spend("characters:7", 1.0, window=1.0) is None
    assert "maxmemory" in caplog.text


class _Unyielding:
    """A client, and its pipeline, that takes its first cancellation for a lost connection and tries again, as redis-py does
    when it is cancelled in the moment in which its connection breaks."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pipeline(self, **_: object) -> "_Unyielding":
        return self

    def execute_command(self, *_: object) -> None:
        pass

    async def execute(self, **_: object) -> list[object]:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            self.told.append("ended")
            raise ConnectionError("Connection closed by server.")

    async def aclose(self) -> None:
        self.told.append("closed")


async def test_a_connection_is_closed_when_nobody_reads_from_it_any_more_and_no_error_is_left_unread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = _Unyielding()
    monkeypatch.setattr("redis.asyncio.Redis.from_url", lambda *_args, **_options: client)
    counts = SharedCounts("redis://127.0.0.1:1/0", mark=MARK, answer_seconds=0.1)
    counts.start()
    assert await take(counts) is None
    await counts.close()
    gc.collect()
    assert client.told[:2] == ["ended", "closed"]
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("is_asked", [True, False], ids=["while it is asked", "while it is away"])
async def test_a_place_that_is_left_while_redis_says_nothing_is_free_as_soon_as_it_answers(
    mortal: RedisServer, is_asked: bool
) -> None:
    async with processes(mortal, answer_seconds=1) as (counts,):
        place = await take(counts)
        assert place
        mortal.process.send_signal(signal.SIGSTOP)
        try:
            if not is_asked:
                await until(lambda: counts.is_away)
            counts.leave(place)
            await until(lambda: counts.is_away)
        finally:
            mortal.process.send_signal(signal.SIGCONT)
        await until(lambda: not counts.is_away)
        await counts.spend("order", 0.0, window=1.0)
        assert places(mortal) == 0
        assert counts._left == {}


async def test_what_redis_refuses_is_counted_alone_and_all_else_together(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    other_key = KEY + 1
    with redis_server.client() as client:
        client.set(f"xtts:{MARK}:streams:{other_key}", "of another program")
    async with processes(redis_server) as (counts,):
        foreign = counts.new_place(other_key)
        place = counts.new_place(KEY)
        answers = await asyncio.gather(
            counts.take(foreign, 1), counts.take(place, 1), counts.spend("characters:7", 1.0, window=1.0)
        )
        assert tuple(answers) == (None, True, 0.0)
        with redis_server.client() as client:
            client.delete(f"xtts:{MARK}:streams:{KEY}")
        await until(lambda: members(redis_server) == {place.name})  # renewed, together with the other one
        assert not counts.is_away
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == ["Redis refuses to count something"]
