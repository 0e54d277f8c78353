"""The rate of one subject, with time as a number."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.access.rates import Rates

WINDOW = 10.0


def test_a_full_store_gives_its_whole_content_at_once() -> None:
    rates = Rates()
    assert [rates.take("a", 2.5, window=WINDOW, now=0.0) for _ in range(4)] == [0.0] * 4
    assert rates.take("a", 2.5, window=WINDOW, now=0.0) > 0


def test_an_empty_store_says_when_there_is_enough() -> None:
    rates = Rates()
    rates.take("a", WINDOW, window=WINDOW, now=0.0)
    wait = rates.take("a", 4.0, window=WINDOW, now=1.0)
    assert wait == 3.0
    assert rates.take("a", 4.0, window=WINDOW, now=1.0 + wait) == 0.0


def test_what_was_refused_has_not_been_taken() -> None:
    rates = Rates()
    rates.take("a", WINDOW, window=WINDOW, now=0.0)
    for _ in range(5):
        assert rates.take("a", 4.0, window=WINDOW, now=1.0) == 3.0


def test_what_is_given_back_can_be_taken_again() -> None:
    rates = Rates()
    rates.take("a", WINDOW, window=WINDOW, now=0.0)
    rates.give_back("a", 4.0)
    rates.give_back("b", 4.0)
    assert rates.take("a", 4.0, window=WINDOW, now=0.0) == 0.0
    assert rates.take("a", 4.0, window=WINDOW, now=0.0) == 4.0


def test_the_store_of_a_forgotten_subject_is_full() -> None:
    rates = Rates()
    for subject in ("a", "b"):
        rates.take(subject, 2 * WINDOW, window=WINDOW, now=0.0)
    rates.forget("a")
    rates.forget("c")
    assert rates.take("a", WINDOW, window=WINDOW, now=0.0) == 0.0
    assert rates.take("b", WINDOW, window=WINDOW, now=0.0) > 0


def test_subjects_do_not_share() -> None:
    rates = Rates()
    rates.take("a", WINDOW, window=WINDOW, now=0.0)
    assert rates.take("b", WINDOW, window=WINDOW, now=0.0) == 0.0


def test_more_than_a_full_store_is_given_from_a_full_one_and_owed() -> None:
    rates = Rates()
    assert rates.take("a", 3 * WINDOW, window=WINDOW, now=0.0) == 0.0
    assert rates.take("a", 1.0, window=WINDOW, now=0.0) == 2 * WINDOW + 1.0


def test_subjects_that_have_not_been_seen_for_long_are_forgotten() -> None:
    rates = Rates()
    for subject in range(5000):
        rates.take(subject, 1.0, window=WINDOW, now=float(subject))
    assert len(rates) <= 1025


@given(st.lists(st.tuples(st.floats(0.001, 5.0), st.floats(0.0, 3.0)), max_size=60))
def test_no_more_than_a_full_store_and_what_flows_in(steps: list[tuple[float, float]]) -> None:
    rates, now, taken = Rates(), 0.0, 0.0
    for cost, pause in steps:
        now += pause
        if rates.take("a", cost, window=WINDOW, now=now) == 0.0:
            taken += cost
        assert taken <= WINDOW + now + 1e-4
