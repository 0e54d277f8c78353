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
        group = re.escape(tools.language.numbers["group"].replace(" ", ""))
        grouped = rf"[1-9][0-9]{{0,2}}(?:[{group}][0-9]{{3}}){{1,2}}|" if group else ""
        number = rf"({grouped}[0-9]{{1,{_MOST_DIGITS}}})"
        # A word behind a blank is a word: "5 no".
        self._marked = re.compile(
            rf"{number}(?:{ANY_BLANK}(?![^\W\d_ºª]))?({alternatives(self._marks) or '(?!)'})(?![^\W_])"
        )
        self._degree = [
            (
                re.compile(
                    rf"{number}°(?={ANY_BLANK}(?:[eyo]{ANY_BLANK}[0-9]{{1,3}}°{ANY_BLANK})?(?:{alternatives(words.split())})(?![^\W_]))"
                ),
                form,
            )
            for words, form in table.get("degree", {}).items()
        ]
        self._dotted = re.compile(rf"{number}\.(?={ANY_BLANK}(?:{table.get('behind_dot', '(?!)')}))")
        # Words behind a mark that give it another form.
        self._behind_mark = re.compile(rf"{ANY_BLANK}(?:{table.get('behind_mark', '(?!)')})(?![^\W_])")
        self._form_behind = table.get("marks_before", {})
        # What is before it, and the form that belongs to that.
        before_dot = table.get("before_dot", {})
        self._before_dot = [(re.compile(f"(?:{before})$", re.IGNORECASE), form) for before, form in before_dot.items()]

        # Where nothing before it decides: nouns that tell the form.
        self._nouns = [
            (re.compile(rf"{ANY_BLANK}(?:{alternatives(words.split())})(?![^\W_])"), form)
            for words, form in table.get("nouns", {}).items()
        ]

    def __call__(self, text: str, start: int) -> Said | None:
        if match := self._marked.match(text, start):
            form = self._form_behind.get(match[2]) if self._behind_mark.match(text, match.end()) else None
            number = int("".join(filter(str.isdigit, match[1])))
            return Said(match.end(), self._numerals.inflected_ordinal(number, form or self._marks[match[2]]))
        for pattern, form in self._degree:
            if match := pattern.match(text, start):
                return Said(match.end(), self._numerals.inflected_ordinal(int(match[1]), form))
        if match := self._dotted.match(text, start):
            before = text[max(0, start - LOOK_BACK) : start]
            number = int("".join(filter(str.isdigit, match[1])))
            for pattern, form in self._before_dot:
                if pattern.search(before):
                    return Said(match.end(), self._numerals.inflected_ordinal(number, form))
            for pattern, form in self._nouns:
                if pattern.match(text, match.end()):
                    return Said(match.end(), self._numerals.inflected_ordinal(number, form))
        return None
