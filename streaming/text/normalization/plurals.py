"""Plural categories: which form of a word belongs to a number ("1 kilometre", "2 kilometres").

The rules are those of the Unicode CLDR for cardinal numbers (https://cldr.unicode.org/index/cldr-spec/plural-rules). The
category "many" of the Romance languages ("un millón de euros") is left to the tables' `scale_link`.
"""

from collections.abc import Callable
from typing import NamedTuple


class Amount(NamedTuple):
    """A number as it is written: the digits before the decimal mark and behind it, without signs of grouping."""

    integer: str
    fraction: str = ""

    @property
    def whole(self) -> int:
        """Enough of the integer for every rule: 0 and 1 are exact, and so are the last two digits of all others."""
        digits = self.integer.lstrip("0")
        return int(digits or "0") if len(digits) < 4 else 1000 + int(digits[-3:])


def category(language: str, amount: Amount) -> str:
    """One of zero, one, two, few, many, other. `language` without region."""
    return _RULES.get(language, _none)(amount)


def _none(amount: Amount) -> str:
    return "other"


def _one_if_written_1(amount: Amount) -> str:
    return "one" if amount.whole == 1 and not amount.fraction else "other"


def _one_if_equal_to_1(amount: Amount) -> str:
    return "one" if amount.whole == 1 and not amount.fraction.strip("0") else "other"


def _one_below_2(amount: Amount) -> str:
    return "one" if amount.whole in (0, 1) else "other"


def _one_up_to_1(amount: Amount) -> str:
    is_one = amount.whole == 1 and not amount.fraction.strip("0")
    return "one" if is_one or amount.whole == 0 else "other"


def _polish(amount: Amount) -> str:
    if amount.fraction:
        return "other"
    if amount.whole == 1:
        return "one"
    return "few" if _ends_in_2_to_4(amount.whole) else "many"


def _czech(amount: Amount) -> str:
    if amount.fraction:
        return "many"
    if amount.whole == 1:
        return "one"
    return "few" if amount.whole in (2, 3, 4) else "other"


def _russian(amount: Amount) -> str:
    if amount.fraction:
        return "other"
    if amount.whole % 10 == 1 and amount.whole % 100 != 11:
        return "one"
    return "few" if _ends_in_2_to_4(amount.whole) else "many"


def _arabic(amount: Amount) -> str:
    if amount.fraction.strip("0"):
        return "other"
    if amount.whole < 3:
        return ("zero", "one", "two")[amount.whole]
    last = amount.whole % 100
    if 3 <= last <= 10:
        return "few"
    return "many" if last >= 11 else "other"


def _ends_in_2_to_4(number: int) -> bool:
    return number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)


_RULES: dict[str, Callable[[Amount], str]] = {
    "en": _one_if_written_1,
    "de": _one_if_written_1,
    "nl": _one_if_written_1,
    "it": _one_if_written_1,
    "es": _one_if_equal_to_1,
    "tr": _one_if_equal_to_1,
    "hu": _one_if_equal_to_1,
    "fr": _one_below_2,
    "pt": _one_below_2,
    "hi": _one_up_to_1,
    "pl": _polish,
    "cs": _czech,
    "ru": _russian,
    "ar": _arabic,
}
