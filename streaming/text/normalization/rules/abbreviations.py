"""Abbreviations."""

import re
from collections.abc import Mapping

from streaming.text.normalization.rules.rule import Said, Tools, ends_a_sentence
from streaming.text.normalization.syntax import ANY_BLANK, alternatives


class Abbreviations:
    """ "Dr.", "etc.", "No. 5", "St. Ives": what they stand for, by what follows. A full stop that ends the sentence as well
    is kept; whether it does, the tables of `text/abbreviations` say, as for the places where a text is cut."""

    _NUMBER = re.compile(rf"{ANY_BLANK}{{0,2}}(?:[0-9]|[IVXLC]{{1,7}}(?![^\W_]))")
    _NAME = re.compile(rf"{ANY_BLANK}{{0,2}}[\"'„“«‹(]?(?P<letter>[^\W\d_])")

    def __init__(self, tools: Tools) -> None:
        language = tools.language
        self._language = language.code
        self._before_numbers = language.abbreviations_before_numbers
        self._before_names = language.abbreviations_before_names
        self._anywhere = language.abbreviations
        written = alternatives({**self._anywhere, **self._before_numbers, **self._before_names}).replace(
            r"\ ", ANY_BLANK
        )
        self._pattern = re.compile(f"(?:{written or '(?!)'})(?![^\\W_])")

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._pattern.match(text, start)
        if not match:
            return None
        written = re.sub(ANY_BLANK, " ", match[0])
        ends = ends_a_sentence(text, match.end(), self._language)
        table = self._anywhere if ends else self._table(written, text, match.end())
        return Said(match.end() - ends, table[written]) if written in table else None

    def _table(self, written: str, text: str, end: int) -> Mapping[str, str]:
        if written in self._before_numbers and self._NUMBER.match(text, end):
            return self._before_numbers
        name = self._NAME.match(text, end) if written in self._before_names else None
        return self._before_names if name and name["letter"].isupper() else self._anywhere
