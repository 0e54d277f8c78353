"""Values in ranges, and what has come to them since they were last told."""

from streaming.measures.distribution import Distribution, Totals
from streaming.measures.engine_figures import STEP_BOUNDS, EngineFigures


def filled(*values: float) -> Distribution:
    distribution = Distribution((1.0, 2.0))
    for value in values:
        distribution.add(value)
    return distribution


def test_a_value_counts_in_the_first_range_that_reaches_it() -> None:
    assert filled(0.0, 1.0, 1.5, 2.0, 9.0).totals == Totals(13.5, (2, 2, 1))


def test_only_what_is_new_is_added() -> None:
    ours, theirs = filled(), filled(0.5)
    ours.grow(Totals(), before := theirs.totals)
    theirs.add(3.0)
    ours.grow(before, theirs.totals)
    assert ours.totals == theirs.totals == Totals(3.5, (1, 0, 1))


def test_one_that_does_not_exist_adds_nothing() -> None:
    ours = filled(0.5)
    ours.grow(Totals(), Totals())
    assert ours.totals == Totals(0.5, (1, 0, 0))


def test_the_steps_of_a_new_process_come_to_those_of_the_one_before() -> None:
    figures, steps = EngineFigures(), Distribution(STEP_BOUNDS)
    steps.add(0.004)
    for _ in range(2):
        figures.stepped(Totals(), steps.totals)
    assert (figures.steps.totals.sum, sum(figures.steps.counts)) == (0.008, 2)
