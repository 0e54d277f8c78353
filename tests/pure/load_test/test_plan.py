"""Who comes when: drawn from a seed, at random, within bounds."""

from dataclasses import replace
from itertools import pairwise

import pytest

from streaming.load_test.plan import KINDS, VANISHED_BY, Scenario, visits

SCENARIO = Scenario(rate=2.0, clients=10_000, seconds=1000.0, kinds=dict.fromkeys(KINDS, 1.0), voices={"demo": 1.0})


def test_a_seed_gives_the_same_clients_again() -> None:
    assert visits(SCENARIO) == visits(SCENARIO)
    assert visits(SCENARIO) != visits(replace(SCENARIO, seed=1))


def test_clients_come_at_the_rate_and_independently() -> None:
    """Of a Poisson process, the times between two clients have their mean as standard deviation."""
    planned = visits(SCENARIO)
    assert len(planned) == pytest.approx(2000, rel=0.1)
    between = [after.at - before.at for before, after in pairwise(planned)]
    mean = sum(between) / len(between)
    deviation = (sum((time - mean) ** 2 for time in between) / len(between)) ** 0.5
    assert mean == pytest.approx(0.5, rel=0.1)
    assert deviation == pytest.approx(mean, rel=0.1)


def test_they_come_in_order_within_the_time() -> None:
    times = [visit.at for visit in visits(SCENARIO)]
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < SCENARIO.seconds


def test_no_more_come_than_may() -> None:
    assert [visit.number for visit in visits(replace(SCENARIO, clients=7))] == list(range(7))


def test_kinds_and_voices_come_by_their_weights() -> None:
    planned = visits(replace(SCENARIO, kinds={"native": 3.0, "http": 1.0}, voices={"anna": 1.0, "bert": 9.0}))
    assert sum(visit.kind == "native" for visit in planned) / len(planned) == pytest.approx(0.75, abs=0.05)
    assert sum(visit.voice == "bert" for visit in planned) / len(planned) == pytest.approx(0.9, abs=0.05)


def test_turns_and_pauses_are_drawn_too() -> None:
    planned = visits(replace(SCENARIO, turns=(2, 4), think=3.0))
    assert {len(visit.turns) for visit in planned} == {2, 3, 4}
    pauses = [turn.think for visit in planned for turn in visit.turns]
    assert sum(pauses) / len(pauses) == pytest.approx(3.0, rel=0.1)


def test_some_are_slow_and_some_vanish() -> None:
    planned = visits(replace(SCENARIO, slow=0.2, vanishing=0.1))
    assert sum(visit.is_slow for visit in planned) / len(planned) == pytest.approx(0.2, abs=0.05)
    leaving = [visit.leaves_after for visit in planned if visit.leaves_after is not None]
    assert len(leaving) / len(planned) == pytest.approx(0.1, abs=0.05)
    assert 0 <= min(leaving) < max(leaving) <= VANISHED_BY


def test_one_share_changes_nothing_about_the_other_clients() -> None:
    def without(vanishing: float) -> list[tuple[float, str, bool]]:
        return [(visit.at, visit.kind, visit.is_slow) for visit in visits(replace(SCENARIO, vanishing=vanishing))]

    assert without(0.0) == without(0.5)
