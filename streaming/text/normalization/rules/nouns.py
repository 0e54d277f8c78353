"""Numbers that agree with the noun behind them."""

import re

from streaming.text.normalization.rules.rule import Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK, alternatives, rises


class Nouns:
    """ "2 horas" -> "duas horas", "1-2 Stunden" -> "ein bis zwei Stunden": a number or a range before a noun that is written
    out, if the language's table has its gender. The noun itself stays."""

    def __init__(self, tools: Tools) -> None:
        self._language = tools.language
        self._numerals = tools.numerals
        self._syntax = tools.syntax
        self._genders = {
            word: gender for gender, words in tools.language.nouns.items() for word in words.lower().split()
        }
        self._pattern = re.compile(
            rf"(?P<number>{tools.syntax.pattern})(?:(?P<dash>{ANY_BLANK}?[–—]{ANY_BLANK}?|-)(?P<second>{tools.syntax.pattern}))?"
            rf"(?={ANY_BLANK}(?P<noun>{alternatives(self._genders) or '(?!)'})(?![^\W_]))",
            re.IGNORECASE,
        )

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._pattern.match(text, start) if self._genders else None
        if not match or text[start - 1 : start] in tuple(".,:/"):
            return None
        amounts = [self._syntax.parse(number) for number in (match["number"], match["second"]) if number]
        if any(amount.fraction for amount in amounts):
            return None
        gender = self._genders[match["noun"].lower()]
        if len(amounts) == 1:
            return Said(match.end(), self._numerals.read(amounts[0], gender))
        if match["dash"] == "-" and not rises(match["number"], match["second"]):
            return None
        # The noun is written in the form that the second number asks for, and is not said in another one.
        first, _ = self._language.range_genders(gender)
        words = (self._numerals.read(amounts[0], first), self._numerals.read(amounts[1], gender))
        between = "noun_range" if "noun_range" in self._language.numbers else "range"
        return Said(match.end(), self._language.ranged(*words, between))
