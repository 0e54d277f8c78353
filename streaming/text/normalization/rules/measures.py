"""Feet and inches, degrees with minutes and seconds."""

import re

from streaming.text.normalization.language import Word
from streaming.text.normalization.rules.rule import Said, Tools
from streaming.text.normalization.syntax import ANY_BLANK

_MINUTE = "['′’]"
_SECOND = "(?:[\"″”]|''|′′)"
_MOST_INCHES = 11


class FeetAndInches:
    """ "6'2\"", "6 ft 2 in", "48°51'24\"": a second part that is too large for inches makes minutes and seconds of it."""

    _PATTERN = re.compile(
        rf"""
        (?P<degrees>[0-9]{{1,3}})°{ANY_BLANK}?(?P<m>[0-9]{{1,2}}){_MINUTE}
            (?:{ANY_BLANK}?(?P<s>[0-9]{{1,2}}(?:[.,][0-9]{{1,4}})?){_SECOND})?
        | (?P<feet>[0-9]{{1,3}})(?:{_MINUTE}{ANY_BLANK}?|{ANY_BLANK}?ft\.?{ANY_BLANK})
            (?P<inches>[0-9]{{1,2}})(?:{_SECOND}|{ANY_BLANK}?in\b\.?)
        | (?P<short>[4-7])'(?P<rest>1[01]|[0-9])(?![0-9\w"″”'])
        """,
        re.VERBOSE,
    )

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        units = tools.language.units
        # Where lengths are in feet, "6'2" is said of persons.
        self._knows_feet = bool(tools.language.numbers.get("feet"))
        self._feet, self._inches = units["ft"], units["length:inch"]
        self._degree, self._minute, self._second = (
            units["°"],
            *(units.get(f"angle:{name}", units[symbol]) for name, symbol in (("minute", "min"), ("second", "s"))),
        )

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start)
        if not match or (match["short"] and not self._knows_feet):
            return None
        if match["degrees"]:
            parts = [(match["degrees"], self._degree), (match["m"], self._minute), (match["s"], self._second)]
            return self._said(match, parts)
        first, second = match["feet"] or match["short"], match["inches"] or match["rest"]
        is_length = int(second) <= _MOST_INCHES
        units = (self._feet, self._inches) if is_length else (self._minute, self._second)
        return self._said(match, list(zip((first, second), units, strict=True)))

    def _said(self, match: re.Match[str], parts: list[tuple[str | None, Word]]) -> Said:
        numerals, language = self._tools.numerals, self._tools.language
        words = []
        for written, noun in parts:
            if written:
                amount = self._tools.syntax.parse(written.lstrip("0") or "0")
                words.append(language.counted(numerals.read(amount, noun.gender), noun, amount))
        return Said(match.end(), (language.numbers["blank"]).join(words))
