"""Ordinal numbers."""

import re

from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK, alternatives

_MOST_DIGITS = 9


class Ordinals:
    """ "1st", "2ème", "5-го", "der 3. Platz": a number with a mark that a language's table knows."""

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        table = tools.language.ordinals
        self._marks = {mark: form for marks, form in table.get("marks", {}).items() for mark in marks.split()}
        number = rf"([0-9]{{1,{_MOST_DIGITS}}})"
        self._marked = re.compile(rf"{number}{ANY_BLANK}?({alternatives(self._marks) or '(?!)'})(?![^\W_])")
        self._dotted = re.compile(rf"{number}\.(?={ANY_BLANK}(?:{table.get('behind_dot', '(?!)')}))")
        # What is before it, and the form that belongs to that.
        before_dot = table.get("before_dot", {})
        self._before_dot = [(re.compile(f"(?:{before})$", re.IGNORECASE), form) for before, form in before_dot.items()]

    def __call__(self, text: str, start: int) -> Said | None:
        if match := self._marked.match(text, start):
            return Said(match.end(), self._numerals.inflected_ordinal(int(match[1]), self._marks[match[2]]))
        if match := self._dotted.match(text, start):
            before = text[max(0, start - LOOK_BACK) : start]
            for pattern, form in self._before_dot:
                if pattern.search(before):
                    return Said(match.end(), self._numerals.inflected_ordinal(int(match[1]), form))
        return None
