"""Roman numerals."""

import re

from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


class RomanNumerals:
    """ "Louis XIV", "Chapter IV", "XXI век": only beside words that have one, as "MIX", "CD" and "I" are words, too."""

    _PATTERN = re.compile(
        r"(?=[IVXLC])(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})"
        r"(?P<mark>\.(?=[^\S\n]{1,2}[^\W\d_])|er|e|ème|º|ª)?(?![^\W_])"
    )
    _ANY_NAME = re.compile(rf"(?<![^\W_])[^\W\d_a-z][^\W\d_]+{ANY_BLANK}$")

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._table = table = tools.language.roman
        self._before = [
            (re.compile(rf"(?<!\w)(?:{_any(words)}){ANY_BLANK}$", flags), form)
            for kind, flags in (("words", re.IGNORECASE), ("names", 0))
            for words, form in table.get(kind, {}).items()
        ]
        self._behind = [
            (re.compile(rf"{ANY_BLANK}(?:{_any(words)})(?![^\W_])", re.IGNORECASE), form)
            for words, form in table.get("before", {}).items()
        ]

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start) if self._table and text[start] in _VALUES else None
        if not match or not match[0]:
            return None
        value = self._value(match[1] + match[2] + match[3])
        before = text[max(0, start - LOOK_BACK) : start]
        for pattern, form in self._behind:
            if pattern.match(text, match.end()):
                return Said(match.end(), self._form(value, form))
        end = match.end() - (match["mark"] == "." and not self._table.get("dot_is_ordinal"))
        for pattern, form in self._before:
            if pattern.search(before):
                return Said(end, self._form(value, form))
        is_long = match.end() - start >= 2 and match["mark"] is None
        if is_long and self._ANY_NAME.search(before) and value < 40:
            return Said(end, str(self._numerals.cardinal(value)))
        return None

    def _form(self, value: int, form: str) -> str:
        if form == "cardinal":
            return str(self._numerals.cardinal(value))
        limit, _, rest = form.partition(":")
        if limit.isdigit():
            return self._form(value, rest if value <= int(limit) else "cardinal")
        kind, _, case = form.partition(" ")
        written = "{n}" if kind == "bare" else self._table.get("written", "{n}")
        return str(written).format(n=self._numerals.inflected_ordinal(value, case))

    def _value(self, numeral: str) -> int:
        values = [_VALUES[letter] for letter in numeral]
        return sum(
            -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
        )


def _any(words: str) -> str:
    return words.replace(".", r"\.").replace(" ", "|")
