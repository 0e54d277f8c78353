"""All rules of one language, applied from left to right, so that no rule sees what another one said."""

import re
from collections.abc import Iterator, Sequence

from streaming.text.normalization.language import Language
from streaming.text.normalization.numerals import Numerals
from streaming.text.normalization.rules.abbreviations import Abbreviations
from streaming.text.normalization.rules.addresses import NetworkAddresses, TelephoneNumbers, Versions
from streaming.text.normalization.rules.amounts import Amounts, Fractions
from streaming.text.normalization.rules.codes import Codes
from streaming.text.normalization.rules.counters import Counters
from streaming.text.normalization.rules.dates import Dates, Years
from streaming.text.normalization.rules.day_months import DayMonths
from streaming.text.normalization.rules.measures import FeetAndInches
from streaming.text.normalization.rules.nouns import Nouns
from streaming.text.normalization.rules.ordinals import Ordinals
from streaming.text.normalization.rules.powers import SUPERSCRIPTS, Powers
from streaming.text.normalization.rules.ratios import Ratios
from streaming.text.normalization.rules.roman import RomanNumerals
from streaming.text.normalization.rules.rule import Rule, Said, Tools
from streaming.text.normalization.rules.signs import Signs
from streaming.text.normalization.rules.times import Times
from streaming.text.normalization.syntax import VULGAR, NumberSyntax, alternatives
from streaming.text.rewriting import Replacement


class Reader:
    """The work grows with the text: each rule looks at a bounded part of it, from each place where it may begin."""

    def __init__(self, language: Language) -> None:
        self._has_blanks = language.has_blanks
        suffixes = alternatives(language.numbers.get("joined_suffixes", "").split()) or "(?!)"
        self._joined_suffix = re.compile(rf"(?:{suffixes})(?![^\W_])")
        self._suffixes_follow = bool(language.numbers.get("suffixes_follow"))
        tools = Tools(language, Numerals(language), NumberSyntax(language))
        amounts, dates = Amounts(tools), Dates(tools)
        self._number_rules: Sequence[Rule] = [
            *(Codes(tools), dates, DayMonths(tools, dates)),
            *(kind(tools) for kind in (TelephoneNumbers, Times, Years, FeetAndInches, Ordinals, Versions, Ratios)),
            *(Counters(tools, table) for table in language.numbers.get("counters", ())),
            Nouns(tools),
            Fractions(tools),
            amounts,
            Signs(tools),
        ]
        self._powers = Powers(tools)
        self._word_rules: Sequence[Rule] = [Abbreviations(tools), NetworkAddresses(tools), RomanNumerals(tools)]
        if any(symbol[0].isalpha() for symbol in language.currencies):
            self._word_rules = [*self._word_rules, _Money(language, amounts)]
        signs = "".join(re.escape(sign) for sign in {*language.signs, *language.currencies} if len(sign) == 1)
        self._start = re.compile(
            rf"(?P<number>[0-9]|\((?=[0-9])|{VULGAR}|[-–−+±{signs}])|(?P<power>[\^{SUPERSCRIPTS}])"
            r"|(?P<word>(?<![A-Za-z0-9_])[A-Za-z]|(?<!\w)[^\W\d_])"
        )
        self._rest = re.compile(r"[0-9]+|[A-Za-z]+|[^\W\d_A-Za-z]+|.", re.DOTALL)

    def read(self, text: str) -> Iterator[Replacement]:
        """What is said in place of what, in order."""
        place = said_until = 0
        while found := self._start.search(text, place):
            start = found.start()
            rules = self._rules_for(found)
            said = next((said for rule in rules if (said := rule(text, start))), None)
            if said is None:
                rest = self._rest.match(text, start)
                place = rest.end() if rest else start + 1
            else:
                follows_a_word = start > 0 and (text[start - 1].isalnum() or start == said_until) and not said.joined
                yield Replacement(start, said.end, self._parted(text, said, follows_a_word=follows_a_word))
                place = said_until = said.end

    def _rules_for(self, found: re.Match[str]) -> Sequence[Rule]:
        if found["power"]:
            return (self._powers,)
        return self._word_rules if found["word"] else self._number_rules

    def _parted(self, text: str, said: Said, *, follows_a_word: bool) -> str:
        """`said.words`, which do not run into the words beside them."""
        if not self._has_blanks or not said.words:
            return said.words
        before = " " if follows_a_word and said.words[0].isalnum() else ""
        behind = text[said.end : said.end + 1]
        # Digits part themselves from what is before them.
        is_suffix = (
            text[said.end - 1] == "-"
            or (self._suffixes_follow and not behind.isascii())
            or (text[said.end - 1].isdigit() and self._joined_suffix.match(text, said.end))
        )
        goes_on = behind.isalpha() and not is_suffix
        return f"{before}{said.words}{' ' if goes_on and said.words[-1].isalnum() else ''}"


class _Money:
    """ "R$ 50", "USD 50": a currency that begins like a word."""

    def __init__(self, language: Language, amounts: Amounts) -> None:
        names = (symbol for symbol in language.currencies if symbol[0].isalpha())
        self._pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
        self._amounts = amounts

    def __call__(self, text: str, start: int) -> Said | None:
        return self._amounts(text, start) if self._pattern.match(text, start) else None
