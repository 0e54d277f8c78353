"""Signs that are said by themselves, and abbreviations."""

import re

from streaming.text.normalization.rules.rule import Said, Tools, ends_a_sentence
from streaming.text.normalization.syntax import ANY_BLANK, alternatives

# Said wherever they stand; the others only between numbers, or between blanks.
_ALWAYS = frozenset("&@%‰°§№√∞≈≠≤≥±×÷$£€¥₹₽+")


class Signs:
    """ "6 × 7", "Q&A", "#1", "#summer"."""

    def __init__(self, tools: Tools) -> None:
        self._signs = tools.language.signs
        self._pattern = re.compile(f"[{''.join(map(re.escape, (sign for sign in self._signs if len(sign) == 1)))}]")

    def __call__(self, text: str, start: int) -> Said | None:
        if not self._pattern.match(text, start):
            return None
        sign = text[start]
        if sign == "#":
            return self._number_sign(text, start)
        if not self._is_said(text, start):
            return None
        return Said(start + 1, self._signs[sign])

    def _number_sign(self, text: str, start: int) -> Said | None:
        following = text[start + 1 : start + 2]
        if following.isdigit():
            return Said(start + 1, self._signs["#"])
        return Said(start + 1, self._signs["#tag"]) if following.isalpha() and "#tag" in self._signs else None

    def _is_said(self, text: str, start: int) -> bool:
        sign, before, behind = text[start], text[start - 1 : start], text[start + 1 : start + 2]
        if sign in "/*":
            return (before.isdigit() and behind.isdigit() and sign == "*") or (sign == "*" and before == behind == " ")
        if sign in _ALWAYS:
            return True
        far = text[start + 1 : start + 4].lstrip()[:1]
        return far.isdigit() or (before == behind == " ")


class Abbreviations:
    """ "Dr.", "etc.", from the language's lists. The full stop stays where it may end a sentence as well."""

    def __init__(self, tools: Tools) -> None:
        self._language = tools.language.code
        self._titles = tools.language.titles
        self._before_numbers = frozenset(tools.language.numbers.get("before_numbers", "").split())
        self._words = {**tools.language.abbreviations, **self._titles}
        written = alternatives(self._words).replace(r"\ ", ANY_BLANK)
        self._pattern = re.compile(f"(?:{written})(?![^\\W_])") if self._words else None

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._pattern.match(text, start) if self._pattern else None
        if not match:
            return None
        written = re.sub(ANY_BLANK, " ", match[0])
        if written in self._before_numbers and not text[match.end() : match.end() + 2].strip()[:1].isdigit():
            return None
        keeps_stop = written not in self._titles and ends_a_sentence(text, match.end(), self._language)
        return Said(match.end() - keeps_stop, self._words[written])
