"""One reading of numbers, booleans and nulls, wherever they come from."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.values import boolean_of, is_given, number_of, whole_number_of
from tests.pure.protocol.test_messages import ANYTHING

HUGE = 10**400
NO_NUMBERS = ["fast", "", "nan", "inf", float("nan"), float("-inf"), HUGE, "1e999", "1,5", "0x1", "1_0", "٢", "9" * 65]
READERS: list[Callable[[object], object]] = [number_of, whole_number_of, boolean_of]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (1.5, 1.5),
        (True, 1),
        (False, 0),
        ("0.5", 0.5),
        (" 2 ", 2),
        ("+1", 1),
        ("-.5", -0.5),
        ("1.", 1),
        ("1E2", 100),
    ],
)
def test_a_number_may_be_a_text_or_a_boolean(value: object, number: float) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize("value", [*NO_NUMBERS, None, [], {}, [1]])
def test_nothing_else_is_a_number(value: object) -> None:
    with pytest.raises(ValueError, match="number"):
        number_of(value)


@pytest.mark.parametrize("value", [3, 3.0, "3", "3.0", "3e0"])
def test_a_whole_number_may_have_a_point(value: object) -> None:
    found = whole_number_of(value)
    assert (found, type(found)) == (3, int)


def test_a_whole_number_has_no_fraction() -> None:
    with pytest.raises(ValueError, match="whole"):
        whole_number_of("3.5")


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE", "yes", "on", 1, 1.0, "1", "1.0", " true "])
def test_what_is_true(value: object) -> None:
    assert boolean_of(value) is True


@pytest.mark.parametrize("value", [False, "false", "False", "no", "off", 0, 0.0, "0"])
def test_what_is_false(value: object) -> None:
    assert boolean_of(value) is False


@pytest.mark.parametrize("value", ["maybe", "", 2, -1, 0.5, "2", None, [], {}, [True]])
def test_nothing_else_is_a_boolean(value: object) -> None:
    with pytest.raises(ValueError, match="true or false"):
        boolean_of(value)


@pytest.mark.parametrize("value", [None, "", " ", "null", "None", "undefined"])
def test_what_means_that_nothing_is_given(value: object) -> None:
    assert not is_given(value)


@pytest.mark.parametrize("value", [0, False, "0", "false", [], {}, "nullable", " " * 100])
def test_what_is_given(value: object) -> None:
    assert is_given(value)


@pytest.mark.parametrize("read", READERS)
@given(value=ANYTHING | st.text() | st.sampled_from(NO_NUMBERS))
def test_any_value_is_read_or_refused(read: Callable[[object], object], value: object) -> None:
    try:
        found = read(value)
    except ValueError:
        found = 0
    assert isinstance(found, int | float)
