"""What is known of how fast an engine speaks, without an engine and without a clock."""

import pytest

from streaming.dispatch.pace import FEWEST_SAMPLES, MEMORY_SECONDS, MOST_SAMPLES, PaceModel, RowMeter


def model(*measured: tuple[int, float], times: int = FEWEST_SAMPLES, now: float = 0.0) -> PaceModel:
    made = PaceModel()
    for rows, pace in measured:
        for _ in range(times):
            made.add(rows, pace, now=now)
    return made


def likely(made: PaceModel, rows: int, now: float = 0.0) -> float | None:
    estimate = made.estimate(rows, now=now)
    return estimate.likely if estimate else None


class TestPaceModel:
    def test_nothing_is_known_before_there_are_some_samples(self) -> None:
        made = PaceModel()
        for _ in range(FEWEST_SAMPLES):
            assert made.estimate(1, now=0.0) is None
            made.add(1, 0.5, now=0.0)
        assert likely(made, 1) == 0.5

    def test_one_pace_bounds_the_others(self) -> None:
        """More rows make no row faster, and a batch is no slower than one row after the other."""
        estimate = model((2, 0.2)).estimate(6, now=0.0)
        assert estimate is not None
        assert (estimate.rows, estimate.low, estimate.likely) == (2, 0.2, None)
        assert estimate.high == pytest.approx(0.6)

    def test_fewer_rows_are_no_slower_and_no_faster_than_their_share(self) -> None:
        estimate = model((4, 0.8)).estimate(2, now=0.0)
        assert estimate is not None
        assert (estimate.low, estimate.high) == (0.4, 0.8)

    def test_two_paces_tell_of_the_next_ones(self) -> None:
        assert likely(model((1, 0.3), (2, 0.4)), 4) == pytest.approx(0.6)

    def test_but_not_of_far_ones(self) -> None:
        assert likely(model((1, 0.3), (2, 0.4)), 5) is None

    def test_what_was_measured_counts_more_than_what_follows_from_others(self) -> None:
        assert likely(model((4, 0.7), (1, 0.3), (2, 0.4)), 4) == 0.7

    def test_what_is_measured_now_bounds_what_was_measured_then(self) -> None:
        """Another program has taken the processor since, or has given it back."""
        slower = model((4, 0.4))
        for _ in range(FEWEST_SAMPLES):
            slower.add(3, 0.9, now=1.0)
        assert likely(slower, 4, now=1.0) == 0.9
        faster = model((4, 1.5))
        for _ in range(FEWEST_SAMPLES):
            faster.add(3, 0.3, now=1.0)
        assert likely(faster, 4, now=1.0) == pytest.approx(0.4)

    def test_slow_chunks_are_outvoted(self) -> None:
        made = model((1, 20.0), times=1)
        for _ in range(FEWEST_SAMPLES - 1):
            made.add(1, 0.1, now=0.0)
        assert likely(made, 1) == 0.1

    def test_after_some_samples_the_old_ones_are_forgotten(self) -> None:
        made = model((1, 5.0), times=MOST_SAMPLES)
        for _ in range(MOST_SAMPLES // 2 + 1):
            made.add(1, 0.1, now=0.0)
        assert likely(made, 1) == 0.1

    def test_what_was_measured_long_ago_is_not_known_any_more(self) -> None:
        assert model((1, 0.5)).estimate(1, now=MEMORY_SECONDS + 1) is None

    def test_many_rows_are_measured_in_groups(self) -> None:
        made = PaceModel()
        for rows in (200, 203, 207):
            made.add(rows, 0.5, now=0.0)
        assert likely(made, 202) == 0.5


class TestRowMeter:
    def test_a_chunk_tells_the_pace_and_the_rows(self) -> None:
        made = PaceModel()
        meter = RowMeter(made)
        for name in "ab":
            meter.begin(name, now=0.0)
        meter.heard("a", 0.5, now=3.0)
        for now in (3.2, 3.4, 3.6):
            meter.heard("a", 0.5, now=now)
        assert likely(made, 2, now=3.6) == pytest.approx(0.4)

    def test_the_first_chunk_tells_nothing(self) -> None:
        made = PaceModel()
        meter = RowMeter(made)
        for number in range(10):
            meter.begin(str(number), now=float(number))
            meter.heard(str(number), 0.1, now=number + 0.5)
            meter.end(str(number), now=number + 0.9)
        assert made.estimate(1, now=10.0) is None

    def test_rows_count_for_as_long_as_they_are_there(self) -> None:
        made = PaceModel()
        meter = RowMeter(made)
        meter.begin("a", now=0.0)
        meter.heard("a", 1.0, now=0.0)
        for number in range(FEWEST_SAMPLES):
            meter.begin("b", now=number + 0.1)
            meter.end("b", now=number + 0.2)
            meter.heard("a", 1.0, now=number + 1.0)
        assert likely(made, 1, now=9.0) == pytest.approx(1.0)

    def test_a_lead_is_what_is_left_to_play(self) -> None:
        meter = RowMeter(PaceModel())
        for name in "abc":
            meter.begin(name, now=0.0)
        meter.heard("a", 2.0, now=1.0)
        meter.heard("b", 0.5, now=1.0)
        assert list(meter.leads(now=2.0)) == [1.0, -0.5]

    def test_who_has_left_has_no_part(self) -> None:
        made = PaceModel()
        meter = RowMeter(made)
        meter.begin("a", now=0.0)
        meter.heard("a", 1.0, now=0.0)
        meter.end("a", now=0.0)
        for number in range(9):
            meter.heard("a", 1.0, now=float(number))
        assert made.estimate(1, now=9.0) is None
        assert list(meter.leads(now=9.0)) == []
