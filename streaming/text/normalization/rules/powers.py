"""Exponents, and the small digits of notes."""

import re

from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import Said, Tools

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
_AS_WRITTEN = str.maketrans(SUPERSCRIPTS, "0123456789+-")


class Powers:
    """ "10⁻³", "x²", "2^10": what is said after the base. Behind a word, such a digit belongs to a note and is not said."""

    _PATTERN = re.compile(
        rf"[⁺⁻]?[{SUPERSCRIPTS[:-2]}]{{1,9}}|\^(?:\([-−–+]?[0-9]{{1,9}}\)|[-−–+]?[0-9]{{1,9}}(?![0-9]))"
    )
    _WORD = re.compile(r"(?P<term>[=+*/·])?(?P<letters>[^\W\d_]*)$")

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._powers = tools.language.powers
        self._units = tools.language.units
        self._plus = tools.language.signs["+"]
        self._minus = tools.language.numbers.get("negative") or tools.language.signs["−"]
        self._blank = tools.language.numbers["blank"]
        self._form = tools.language.powers.get("form", "")

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start) if self._powers else None
        if not match or start == 0:
            return None
        base = text[start - 1]
        word = self._WORD.search(text[max(0, start - 12) : start])
        letters = word["letters"] if word else ""
        is_term = len(letters) == 1 or (letters and word and word["term"])
        if not (base.isdecimal() or base in ")]" or is_term):
            # "pro km²" is left to the voice; of a word, it is a note.
            is_note = len(letters) > 1 and letters + match[0] not in self._units and match[0][0] in SUPERSCRIPTS[:-2]
            return Said(match.end(), "") if is_note else None
        blank = self._blank if base in ")]" else ""
        exponent = match[0].translate(_AS_WRITTEN).strip("^()")
        return Said(match.end(), blank + self._said(exponent), joined="joined" in self._powers)

    def _said(self, exponent: str) -> str:
        if words := self._powers.get(exponent):
            return words
        digits = exponent.lstrip("+-−–")
        number = self._numerals.read(Amount(digits))
        if self._form and len(digits) < 3:
            number = self._numerals.inflected_ordinal(int(digits), self._form)
        name = {"+": self._plus}.get(exponent[0], self._minus)
        sign = "" if exponent[0].isdecimal() else name + self._blank
        return self._powers["n"].format(e=f"{sign}{number}")
