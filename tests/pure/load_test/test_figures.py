"""Percentiles, shares and counts of all turns."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.load_test.figures import COMPLETE, Figures, Outcome, Spread, fluent, percentile
from streaming.load_test.hearing import RATE, Hearing
from streaming.load_test.plan import Scenario
from streaming.load_test.report import Report
from streaming.load_test.server_load import ServerLoad

TONE = np.full(RATE // 10, 8000, dtype="<i2").tobytes()


def turn(
    ttfa: float, missing: float = 0.0, end: str = COMPLETE, kind: str = "native", *, is_slow: bool = False
) -> Outcome:
    """Two packets, of which the second one is late by `missing`."""
    hearing = Hearing(0.0)
    hearing.take(ttfa, TONE)
    hearing.take(ttfa + 0.1 + missing, TONE)
    return Outcome(kind, hearing, end, is_slow)


def refused(reason: str) -> Outcome:
    return Outcome("http", Hearing(0.0), reason)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_value_that_the_share_does_not_exceed(share: float, value: int) -> None:
    assert percentile(list(range(1, 101)), share) == value


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted), st.floats(0.01, 1))
def test_so_many_values_are_at_most_the_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_a_spread_is_in_milliseconds() -> None:
    assert Spread.of([0.1, 0.2, 0.3]) == Spread(200.0, 300.0, 300.0, 300.0)
    assert Spread.of([]) is None


def test_c100_is_the_share_that_a_buffer_of_100_ms_keeps_from_starving() -> None:
    figures = Figures.of([turn(1, 0.0), turn(1, 0.04), turn(1, 0.1), turn(1, 0.15), turn(1, 0.3)])
    assert figures.fluent == {"C50": 0.4, "C100": 0.6, "C200": 0.8}


def test_nothing_heard_is_not_fluent_and_not_starved() -> None:
    assert fluent([Hearing(0.0)], 0.1) is None
    assert Figures.of([refused("system_busy")]).fluent == {"C50": None, "C100": None, "C200": None}


def test_a_slow_client_starves_itself() -> None:
    figures = Figures.of([turn(1, 5.0, is_slow=True), turn(1)])
    assert (figures.fluent["C50"], figures.gaps, figures.lateness) == (1.0, 0, Spread(0.0, 0.0, 0.0, 0.0))
    assert figures.ends == {COMPLETE: 2}


def test_refusals_are_counted_by_reason() -> None:
    figures = Figures.of(
        [refused("system_busy"), refused("system_busy"), refused("cannot connect"), turn(1, end="vanished")]
    )
    assert figures.refused == {"system_busy": 2, "cannot connect": 1}
    assert figures.ends["vanished"] == 1


def test_each_kind_has_figures_of_its_own() -> None:
    figures = Figures.with_kinds([turn(1.0), turn(2.0, kind="multi")])
    assert figures.turns == 2
    assert {kind: part.ttfa and part.ttfa.p50 for kind, part in figures.by_kind.items()} == {
        "native": 1000,
        "multi": 2000,
    }


def report(*outcomes: Outcome) -> Report:
    scenario = Scenario(1.0, 10, 60.0, {"native": 1.0}, {"demo": 1.0})
    load = ServerLoad(2, 0.5, 300 * 2**20)
    return Report("http://x", scenario, Figures.with_kinds(outcomes), 10.0, 3, 2, load, was_stopped=True)


def test_the_table_has_a_row_for_all_and_one_for_each_kind() -> None:
    lines = report(turn(0.25), refused("system_busy")).as_text().splitlines()
    assert lines[2].split() == [
        "clients",
        "turns",
        "complete",
        "refused",
        "TTFA",
        "p50",
        "p95",
        "p99",
        "C50",
        "C100",
        "C200",
    ]
    assert lines[3].split() == [*("all", "2", "1", "1"), *("250", "ms") * 3, "100.0%", "100.0%", "100.0%"]
    assert [line.split()[0] for line in lines[4:6]] == ["http", "native"]
    assert len({len(line) for line in lines[2:6]}) == 1


def test_the_text_says_what_the_server_needed_and_that_it_was_stopped() -> None:
    text = report(turn(0.25)).as_text()
    assert "Server: 2 processes, 0.50 cores on average, at most 300 MB." in text
    assert text.endswith("Stopped before the end.")


def test_a_report_of_nothing_can_be_read() -> None:
    text = report().as_text()
    assert "Ends: none." in text
    assert json.loads(report().as_json())["figures"]["ttfa"] is None


def test_the_json_has_the_scenario_and_all_figures() -> None:
    read = json.loads(report(turn(0.25), refused("system_busy")).as_json())
    assert read["scenario"]["rate"] == 1.0
    assert read["figures"]["ttfa"]["p99"] == 250.0
    assert read["figures"]["refused"] == {"system_busy": 1}
    assert read["figures"]["audio_per_second"] == pytest.approx(0.02)
    assert read["server"]["most_bytes"] == 300 * 2**20
