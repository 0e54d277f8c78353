"""Numbers that have other words before a word that counts."""

import re

from streaming.text.normalization.language import Table
from streaming.text.normalization.rules.rule import Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK, alternatives


class Counters:
    """Numbers that have other words before a word that counts: Korean "3개", Chinese "2个"."""

    def __init__(self, tools: Tools, table: Table) -> None:
        words = table["words"]
        self._pattern = (
            re.compile(rf"([0-9]{{1,2}})(?![0-9])(?={ANY_BLANK}?(?:{alternatives(words.split())}))") if words else None
        )
        self._whole = table.get("whole", {})
        self._ones = ["", *table.get("ones", "").split()]
        self._tens = ["", *table.get("tens", "").split()]
        self._blank = "" if table.get("joined") else tools.language.numbers["blank"]

    def __call__(self, text: str, start: int) -> Said | None:
        match = (
            self._pattern.match(text, start) if self._pattern and text[start - 1 : start] not in tuple(".,:") else None
        )
        # 第2名: an ordinal number, which has its own words.
        if not match or match[1][0] == "0" or text[start - 1 : start] == "第":
            return None
        words = self._whole.get(match[1])
        if words is None and len(self._ones) > 1:
            tens, ones = divmod(int(match[1]), 10)
            words = self._tens[tens] + self._ones[ones]
        if not words:
            return None
        return Said(match.end(), words + ("" if text[match.end()].isspace() else self._blank))
