"""How numbers are written in a language: signs of grouping, the decimal mark, fractions. Patterns and their reading."""

import re
import unicodedata
from collections.abc import Iterable
from fractions import Fraction

from streaming.text.normalization.language import Language
from streaming.text.normalization.plurals import Amount

# Blanks that group digits everywhere: no-break, thin, narrow no-break.
NARROW_BLANKS = "\u00a0\u2009\u202f"
ANY_BLANK = f"[ {NARROW_BLANKS}]"
VULGAR = "[¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]"
MINUS_SIGNS = "-−–"
# A longer run of digits is no number in any sense; patterns end there, so that their work is bounded.
_MOST_GROUPS = 12
_GROUP = 3
_LAST_POINT = re.compile("[.,](?=[0-9]+$)")


class NumberSyntax:
    """`pattern` matches a number without a sign, in a pattern for a whole amount; `measured` what is a number only where
    something is measured: "3,5" in a language with a decimal point."""

    def __init__(self, language: Language) -> None:
        numbers = language.numbers
        self._decimal = numbers["decimal"]
        separators = [*numbers["group"], *NARROW_BLANKS]
        # "1,234,567" cannot be anything else, whatever the language's own sign is.
        foreign = [sign for sign in ",." if sign not in separators]
        point = rf"(?:{re.escape(self._decimal)}[0-9]{{1,60}})?"
        groups = [*(_grouped(sign, 1) for sign in separators), *(_grouped(sign, 2) for sign in foreign)]
        # So can "1,234.56" and "1.234,56": of two signs the last is the decimal mark.
        groups[:0] = [_grouped(".", 1, behind=","), _grouped(",", 1, behind=r"\.")]
        if numbers.get("indian"):
            groups.insert(0, r"[1-9][0-9]?(?:,[0-9]{2}){1,6},[0-9]{3}(?![0-9])")
        other_point = "|".join(rf"[0-9]{{1,60}}{re.escape(sign)}[0-9]{{1,60}}" for sign in _other_points(self._decimal))
        has_comma = self._decimal == "."
        self.measured = r"(?<![0-9][.,])[0-9]{1,9},[0-9]{1,2}(?!,?[0-9]|\.[0-9])" if has_comma else "(?!)"
        plain = rf"[0-9]++{point}"
        self.pattern = "(?:" + "|".join([*(group + point for group in groups), other_point or plain, plain]) + ")"

    def parse(self, written: str) -> Amount:
        """The number that a match of `pattern` is."""
        place = self._place_of_point(written)
        integer, fraction = (written, "") if place is None else (written[:place], written[place + 1 :])
        return Amount("".join(filter(str.isdigit, integer)), fraction)

    def _place_of_point(self, written: str) -> int | None:
        found = _LAST_POINT.search(written)
        if not found:
            return None
        if "." in written and "," in written:
            return found.start()
        if written.count(found[0]) > 1:
            return None
        # The decimal mark of other languages, unless it groups here; "0.125" is no thousands.
        groups = found[0] != self._decimal and len(written) - found.end() == _GROUP and written[0] != "0"
        return None if groups else found.start()


def _other_points(decimal: str) -> str:
    # In languages with a decimal comma, a point is met as well ("12.5"); the reverse is mostly a list.
    return "." if decimal == "," else ""


def _grouped(sign: str, least: int, behind: str = "") -> str:
    decimals = f"{behind}[0-9]{{1,60}}" if behind else ""
    return rf"[1-9][0-9]{{0,2}}(?:{re.escape(sign)}[0-9]{{3}}){{{least},{_MOST_GROUPS}}}{decimals}(?![0-9])"


def rises(first: str, second: str) -> bool:
    """Whether a hyphen between two numbers means "to": only from less to more. "2-1" is a score, "555-1234" a telephone."""
    is_simple = all(part.isdigit() and (part == "0" or part[0] != "0") for part in (first, second))
    # Not as integers: Python makes none of more than 4300 digits.
    return is_simple and len(second) <= len(first) + 2 and (len(first), first) < (len(second), second)


def alternatives(words: Iterable[str]) -> str:
    """A pattern for any of `words`, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def vulgar_value(char: str) -> Fraction:
    return Fraction(unicodedata.numeric(char)).limit_denominator(10)
