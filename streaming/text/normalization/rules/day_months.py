"""Dates without a year, in figures."""

import re

from streaming.text.normalization.rules.dates import Dates
from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools


class DayMonths:
    """ "14/07", "05/17", "am 14/7": two numbers with a stroke that make a date, and no fraction: with a zero before one of
    them, or behind a word that dates have before them and with a denominator that no fraction has."""

    _PATTERN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})(?![/⁄.,]*[0-9])")

    def __init__(self, tools: Tools, dates: Dates) -> None:
        self._dates = dates
        self._fractions = tools.language.fractions
        self._before = re.compile(rf"(?:{tools.language.dates.get('before', '(?!)')})$", re.IGNORECASE)

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start)
        if not match or text[start - 1 : start] in ("/", ".", ",", "-"):
            return None
        before = text[max(0, start - LOOK_BACK) : start]
        has_zero = "0" in (match[1][0], match[2][0]) and len(match[1]) == len(match[2]) == 2
        if not (has_zero or (self._before.search(before) and not self._is_a_fraction(match[1], match[2]))):
            return None
        words = self._dates.day_and_month(int(match[1]), int(match[2]), before)
        return None if words is None else Said(match.end(), words)

    def _is_a_fraction(self, above: str, below: str) -> bool:
        return int(above) < int(below) and (below == "2" or below in self._fractions)
