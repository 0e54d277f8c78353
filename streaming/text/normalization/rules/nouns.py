"""Numbers that agree with the noun behind them."""

import re

from streaming.text.normalization.rules.rule import Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK, alternatives


class Nouns:
    """ "2 horas" -> "duas horas", "1 Minute" -> "eine Minute": a number before a noun that is written out, if the language's
    table has its gender. The noun itself stays."""

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._syntax = tools.syntax
        self._genders = {
            word: gender for gender, words in tools.language.nouns.items() for word in words.lower().split()
        }
        self._pattern = re.compile(
            rf"(?P<number>{tools.syntax.pattern})(?={ANY_BLANK}(?P<noun>{alternatives(self._genders) or '(?!)'})(?![^\W_]))",
            re.IGNORECASE,
        )

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._pattern.match(text, start) if self._genders else None
        if not match or text[start - 1 : start] in tuple(".,:/"):
            return None
        amount = self._syntax.parse(match["number"])
        if amount.fraction:
            return None
        return Said(match.end(), self._numerals.read(amount, self._genders[match["noun"].lower()]))
