"""Signs that are said by themselves."""

import re

from streaming.text.normalization.rules.rule import Said, Tools

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
