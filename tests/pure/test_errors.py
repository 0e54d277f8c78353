"""Whose fault it is."""

import pytest

from streaming import errors
from streaming.errors import Fault

FAULTS = {name: fault for name, fault in vars(errors).items() if isinstance(fault, Fault)}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_never_closes_normally(name: str) -> None:
    assert FAULTS[name].close_code in (1008, 1011, 1012, 1013)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_says_something_in_words(name: str) -> None:
    assert FAULTS[name].message.endswith(".")


def test_a_fault_may_be_told_with_another_reason() -> None:
    told = errors.OVERLOADED.because("Too many.")
    assert (told.message, told.code, told.close_code) == ("Too many.", "system_busy", 1013)
    assert errors.OVERLOADED.message != "Too many."
