"""What Redis computes, with a clock that the test sets."""

from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from streaming.access import count_scripts
from streaming.access.rates import Rates
from tests.live.redis_server import RedisServer

SECOND = 1_000_000
START = 1_750_000_000 * SECOND
LEASE, WINDOW = 5 * SECOND, 60 * SECOND
TEST_CLOCK = "local now = tonumber(redis.call('GET', 'now'))"
# What is done: how much later, and what it costs; in seconds.
STEPS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 150)), max_size=20)


class Counts:
    """The scripts, and the clock that they read. Its Redis is empty at first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        client.flushall()
        self.now = START

    def take(self, place: str, limit: int = 2) -> bool:
        return bool(self._run(count_scripts.take_place(TEST_CLOCK), ["places"], place, limit, LEASE))

    def hold(self, *places: str) -> None:
        self._run(count_scripts.hold_places(TEST_CLOCK), ["places"] * len(places), LEASE, *places)

    def leave(self, place: str) -> None:
        self._client.zrem("places", place)

    def spend(self, cost: float, window: float = 60.0) -> float:
        found = self._run(count_scripts.spend(TEST_CLOCK), ["rate"], cost * SECOND, window * SECOND)
        return found / SECOND

    def lives(self, key: str) -> float:
        """For how many seconds of a steady clock Redis keeps the key."""
        return float(self._client.pttl(key)) / 1000

    def _run(self, script: str, keys: list[str], *arguments: float | str) -> int:
        self._client.set("now", self.now)
        return int(self._client.eval(script, len(keys), *keys, *arguments))


@pytest.fixture(scope="module")
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis_server.client() as connected:
        yield connected


@pytest.fixture
def counts(client: redis.Redis) -> Counts:
    return Counts(client)


@given(steps=STEPS, window=st.sampled_from([1.0, 60.0]))
def test_what_redis_gives_is_what_one_process_would(
    client: redis.Redis, steps: list[tuple[float, float]], window: float
) -> None:
    counts, rates = Counts(client), Rates()
    for later, cost in steps:
        counts.now += round(later * SECOND)
        alone = rates.take("rate", cost, window=window, now=(counts.now - START) / SECOND)
        assert counts.spend(cost, window) == pytest.approx(alone, abs=1e-4)


@given(steps=STEPS, back=st.integers(0, 10**10))
def test_a_clock_that_is_set_back_makes_nobody_wait_longer(
    client: redis.Redis, steps: list[tuple[float, float]], back: int
) -> None:
    counts = Counts(client)
    for later, cost in steps:
        counts.now += round(later * SECOND)
        counts.spend(cost)
    before = counts.spend(1e9)  # refused, unless nothing is owed
    counts.now -= back * SECOND
    assert counts.spend(1e9) <= max(before, 1e9) + 1e-4
    if before:
        counts.now += round(before * SECOND) + 2
        assert counts.spend(1.0) == 0.0


def test_a_rate_is_forgotten_when_nothing_is_owed_any_more(counts: Counts) -> None:
    counts.spend(30.0)
    assert 29 < counts.lives("rate") <= 30.1


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["take", "leave", "hold", "wait"]), st.integers(0, 5), st.integers(0, 4)), max_size=30
    )
)
def test_a_place_is_taken_only_while_fewer_than_the_limit_are(
    client: redis.Redis, steps: list[tuple[str, int, int]]
) -> None:
    """The limit may be another one each time. What is held counts, whatever the limit says."""
    counts, ends = Counts(client), dict[str, int]()
    for step, number, limit in steps:
        name = f"place {number}"
        if step == "wait":
            counts.now += number * SECOND
        ends = {place: end for place, end in ends.items() if end > counts.now}
        if step == "leave":
            counts.leave(name)
            ends.pop(name, None)
        elif step == "hold":
            counts.hold(name)
            ends[name] = counts.now + LEASE
        elif step == "take":
            is_free = name in ends or len(ends) < limit
            assert counts.take(name, limit) is is_free
            ends |= {name: counts.now + LEASE} if is_free else {}


def test_a_place_that_is_not_renewed_is_free_when_its_lease_is_over(counts: Counts) -> None:
    assert [counts.take(name) for name in ("a", "b", "c")] == [True, True, False]
    counts.now += LEASE - 1
    assert not counts.take("c")
    counts.hold("a")
    counts.now += 1
    assert [counts.take(name) for name in ("c", "d")] == [True, False]


def test_a_clock_that_is_set_back_keeps_no_place_for_longer_than_a_lease(counts: Counts) -> None:
    counts.take("a", 1)
    counts.now -= 3600 * SECOND
    assert not counts.take("b", 1)
    counts.now += LEASE
    assert counts.take("b", 1)


def test_a_clock_that_is_set_forward_loses_no_place_that_is_renewed(counts: Counts) -> None:
    counts.take("a", 1)
    counts.now += 3600 * SECOND
    counts.hold("a")
    assert not counts.take("b", 1)


def test_places_of_those_that_have_died_do_not_gather(counts: Counts, client: redis.Redis) -> None:
    counts.hold(*(f"dead {number}" for number in range(500)))
    counts.now += LEASE
    counts.hold("alive")
    assert client.zrange("places", 0, -1) == [b"alive"]
    assert counts.lives("places") <= LEASE / SECOND
