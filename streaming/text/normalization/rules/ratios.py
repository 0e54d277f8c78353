"""Ratios and scores."""

import re

from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools


class Ratios:
    """ "3:2", "16 : 9", "1:50 000": two numbers that are no time of day. Behind a word for a game, the score of it."""

    _PATTERN = re.compile(
        r"(?P<first>[0-9]{1,3})(?P<blank> ?):(?P=blank)"
        r"(?P<second>[0-9]{1,3}(?:[ .,\u00a0\u202f][0-9]{3}){1,2}|[0-9]{1,9})(?![0-9:]|[.,][0-9])"
    )

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._syntax = tools.syntax
        self._language = tools.language
        numbers = tools.language.numbers
        self._case = numbers.get("ratio_second", "")
        self._game = re.compile(numbers.get("games", "(?!)"), re.IGNORECASE)

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start)
        if not match or text[start - 1 : start] in (":", ".", ",") or text[start - 1 : start].isalnum():
            return None
        first, second = Amount(match["first"]), self._syntax.parse(match["second"])
        if second.fraction or any(part.integer[0] == "0" < part.integer for part in (first, second)):
            return None
        is_score = "score" in self._language.numbers and self._game.search(text[max(0, start - LOOK_BACK) : start])
        entry, case = ("score", "") if is_score else ("ratio", self._case)
        words = (self._numerals.read(first), self._numerals.read(second, case))
        return Said(match.end(), self._language.ranged(*words, entry))
