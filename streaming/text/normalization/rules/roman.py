"""Roman numerals."""

import re
from collections.abc import Iterator

from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools, ends_a_sentence
from streaming.text.normalization.syntax import ANY_BLANK

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


class RomanNumerals:
    """ "Louis XIV", "Chapter IV", "XXI век", "ルイXIV世": only beside words that have one, as "MIX" and "I" are
    words, too."""

    _ANY_NAME = re.compile(rf"(?<![^\W_])[^\W\d_a-z][^\W\d_]+{ANY_BLANK}$")

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._language = tools.language.code
        self._table = table = tools.language.roman
        # Words may follow without a blank.
        blank, end = (ANY_BLANK, r"(?![^\W_])") if tools.language.has_blanks else (f"{ANY_BLANK}?", "")
        if self._language == "ko":
            blank, end = f"{ANY_BLANK}?", ""
        self._pattern = re.compile(
            r"(?=[IVXLC])(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})"
            rf"(?P<mark>\.(?=[^\S\n]{{1,2}}[^\W\d_])|er|e|ème|º|ª)?{end or '(?![A-Za-z0-9])'}"
        )
        self._before = list(self._read_before())
        self._behind = [
            (re.compile(rf"{blank}(?:{_any(words)}){end}", re.IGNORECASE), form)
            for words, form in table.get("before", {}).items()
        ]
        # What is before and behind it, its form, and what is said instead of the latter.
        self._replaced = [
            (re.compile(f"(?:{before})$"), re.compile(behind), form, instead)
            for before, behind, form, instead in table.get("instead", ())
        ]

    def _read_before(self) -> Iterator[tuple[re.Pattern[str], str]]:
        """Words before a numeral, and "King" before any name, with the form that they ask for."""
        name = rf"{ANY_BLANK}[^\W\d_]{{2,20}}"
        for kind, between, flags in (("words", "", re.IGNORECASE), ("names", "", 0), ("titles", name, re.IGNORECASE)):
            for words, form in self._table.get(kind, {}).items():
                yield re.compile(rf"(?<!\w)(?:{_any(words)}){between}{ANY_BLANK}$", flags), form

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._pattern.match(text, start) if self._table and text[start] in _VALUES else None
        if not match or not match[0]:
            return None
        value = self._value(match[1] + match[2] + match[3])
        before = text[max(0, start - LOOK_BACK) : start]
        return self._beside_words(match, value, before) or self._beside_a_name(match, value, before)

    def _beside_words(self, match: re.Match[str], value: int, before: str) -> Said | None:
        text = match.string
        for earlier, later, form, instead in self._replaced:
            behind = later.match(text, match.end())
            if behind and earlier.search(before):
                end = behind.end() - ends_a_sentence(text, behind.end(), self._language)
                return Said(end, self._form(value, form) + instead)
        for pattern, form in self._behind:
            if pattern.match(text, match.end()):
                return Said(match.end(), self._form(value, form))
        end = match.end() - (match["mark"] == "." and not self._table.get("dot_is_ordinal"))
        for pattern, form in self._before:
            if pattern.search(before):
                return Said(end, self._form(value, form))
        return None

    def _beside_a_name(self, match: re.Match[str], value: int, before: str) -> Said | None:
        """ "IV. Béla" where a dot makes an ordinal number before any name, "Apollo XI" elsewhere."""
        is_dotted = match["mark"] == "." and "dotted" in self._table
        if is_dotted and not ends_a_sentence(match.string, match.end(), self._language):
            return Said(match.end(), self._form(value, self._table["dotted"]))
        is_long = match.end() - match.start() >= 2 and match["mark"] is None
        if is_long and self._ANY_NAME.search(before) and value < 40:
            return Said(match.end(), str(self._numerals.cardinal(value)))
        return None

    def _form(self, value: int, form: str) -> str:
        if form == "cardinal":
            return str(self._numerals.cardinal(value))
        limit, _, rest = form.partition(":")
        if limit.isdigit():
            return self._form(value, rest if value <= int(limit) else "cardinal")
        kind, _, case = form.partition(" ")
        written = {"bare": "{n}", "woman": self._table.get("written_woman", "{n}")}.get(
            kind, self._table.get("written", "{n}")
        )
        return str(written).format(n=self._numerals.inflected_ordinal(value, case))

    def _value(self, numeral: str) -> int:
        values = [_VALUES[letter] for letter in numeral]
        return sum(
            -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
        )


def _any(words: str) -> str:
    return words.replace(".", r"\.").replace(" ", "|").replace("_", ANY_BLANK)
