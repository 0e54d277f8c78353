"""Dates and years."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools, ends_a_sentence
from streaming.text.normalization.syntax import ANY_BLANK, alternatives

_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Dates:
    """ "2024-05-17", "17.05.2024", "05/17/2024", "17. Mai", "May 17"."""

    _NUMERIC = re.compile(
        r"(?P<y>[0-9]{4})(?P<s>[-./]|\. )(?P<m>[0-9]{1,2})(?P=s)(?P<d>[0-9]{1,2})(?![0-9])\.?(?!-[0-9])"
        r"|(?P<a>[0-9]{1,2})(?P<t>[-./]|\. )(?P<b>[0-9]{1,2})(?P=t)(?P<z>[0-9]{4}|(?<=/)[0-9]{2})(?![0-9])(?![-./][0-9])"
    )

    _SHORT = re.compile(r"([0-9]{1,2})\. ?([0-9]{1,2})\.(?! ?[0-9])")

    def __init__(self, tools: Tools) -> None:
        self._language = tools.language
        self._numerals = tools.numerals
        self._dates = tools.language.dates
        marks = [mark for marks in tools.language.ordinals.get("marks", {}) for mark in marks.split()]
        ends = alternatives([*marks, "."])
        self._months = [names.replace("_", " ").split("/") for names in self._dates["months"].split()]
        names = alternatives(name for month in self._months for name in month)
        link = self._dates.get("day_link", "")
        self._before_month = re.compile(
            rf"([0-9]{{1,2}})(?:{ends})?(?:[–-]([0-9]{{1,2}})(?:{ends})?)?"
            rf"(?={ANY_BLANK}?{link}(?:{names})(?![^\W_]))",
            re.IGNORECASE,
        )
        self._after_month = re.compile(rf"(?<!\w)(?:{names})\.?{ANY_BLANK}$", re.IGNORECASE)
        suffixes = alternatives(self._dates.get("day_suffixes", "").split()) or "(?!)"
        behind = rf"{alternatives(marks) or '(?!)'}|\.?-(?P<suffix>{suffixes})(?![^\W_])|\.(?=[,;)])"
        self._day = re.compile(rf"([0-9]{{1,2}})(?:{behind})?(?![0-9]|[.:,]?[0-9])")
        self._days = self._dates.get("days", "").split()
        self._before_short = re.compile(rf"(?:{self._dates.get('before_short', '(?!)')})$", re.IGNORECASE)
        self._oblique = [
            (re.compile(pattern + "$"), ending) for pattern, ending in self._dates.get("oblique", {}).items()
        ]

    def __call__(self, text: str, start: int) -> Said | None:
        if match := self._NUMERIC.match(text, start):
            return self._numeric(match)
        if self._months and (match := self._before_month.match(text, start)):
            days = [self._valid_day(match[1]), self._valid_day(match[2])]
            if days[0]:
                words = [self._day_words(day, text[max(0, start - LOOK_BACK) : start]) for day in days if day]
                spoken = words[0] if len(words) == 1 else self._language.ranged(words[0], words[1])
                return Said(match.end(), spoken)
        return self._short(text, start) or self._day_after_month(text, start)

    def _short(self, text: str, start: int) -> Said | None:
        """ "am 12.05.": a date without its year, behind a word that a day has before it."""
        match = self._SHORT.match(text, start)
        before = text[max(0, start - LOOK_BACK) : start]
        if not match or not self._before_short.search(before):
            return None
        words = self.day_and_month(int(match[1]), int(match[2]), before)
        if words is None:
            return None
        # At the end of the text the stop is that of the sentence as well.
        end = match.end() - (not text[match.end() : match.end() + LOOK_BACK].strip())
        return Said(end, words)

    def _day_after_month(self, text: str, start: int) -> Said | None:
        if not self._dates.get("month_first") or not self._after_month.search(text[max(0, start - LOOK_BACK) : start]):
            return None
        match = self._day.match(text, start)
        day = self._valid_day(match[1]) if match else None
        if not match or not day:
            return None
        words = self._day_words(day)
        return Said(match.end(), words[:-1] + match["suffix"] if match["suffix"] else words)

    def _numeric(self, match: re.Match[str]) -> Said | None:
        found = match.groupdict()
        if found["y"]:
            year, month, day = int(found["y"]), int(found["m"]), int(found["d"])
        else:
            first, second = int(found["a"]), int(found["b"])
            year = int(found["z"]) + (2000 if len(found["z"]) == 2 else 0)
            month_first = self._dates["order"] == "mdy" and found["t"] == "/"
            # Where it cannot be the language's order, it is the other one.
            if (month_first and first <= 12) or second > 12:
                month, day = first, second
            else:
                month, day = second, first
        if not _is_a_day(day, month):
            return None
        end = match.end() - (found["y"] is not None and found["s"] != ". " and match[0].endswith("."))
        words = self._dates["full"].format(
            day=self._day_words(day, match.string[max(0, match.start() - LOOK_BACK) : match.start()]),
            month=self._months[month - 1][0],
            year=self._year(year),
        )
        return Said(end, words)

    def day_and_month(self, first: int, second: int, before: str) -> str | None:
        """Two numbers in the language's order, or in the other one where only that makes a date; None if neither does.
        `before`: what precedes them."""
        orders = [(first, second), (second, first)]
        if self._dates["order"] != "dmy":
            orders.reverse()
        day, month = next((order for order in orders if _is_a_day(*order)), (0, 0))
        if not day:
            return None
        words = self._dates.get("day_month", "{day} {month}")
        return str(words).format(day=self._day_words(day, before), month=self._months[month - 1][0])

    def _valid_day(self, digits: str | None) -> int | None:
        return int(digits) if digits and 1 <= int(digits) <= 31 else None

    def _day_words(self, day: int, before: str = "") -> str:
        if day == 1 and (first := self._dates.get("first_day")):
            return str(first)
        if self._days:
            words = str(self._days[day - 1]).replace("_", " ")
            ending = next((ending for pattern, ending in self._oblique if pattern.search(before)), None)
            return words if ending is None else re.sub(str(self._dates["oblique_from"]), ending, words)
        if self._dates.get("ordinal_days"):
            return str(self._numerals.ordinal(day))
        return str(self._numerals.cardinal(day, self._dates.get("gender", "")))

    def _year(self, year: int) -> str:
        if form := self._dates.get("year_form"):
            return self._numerals.inflected_ordinal(year, form)
        if self._dates.get("year_by_digits"):
            return self._numerals.digits(str(year))
        return self._numerals.year(year)


def _is_a_day(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= _MONTH_LENGTHS[month - 1]


class _YearForm(NamedTuple):
    """The form of a year between two patterns; `instead` of what is behind it, if that is said otherwise as well."""

    before: re.Pattern[str]
    behind: re.Pattern[str]
    name: str
    instead: str | None

    @classmethod
    def read(cls, entry: Sequence[str]) -> Self:
        before, behind, name, *instead = entry
        return cls(re.compile(f"(?:{before})$"), re.compile(behind), name, instead[0] if instead else None)


class Years:
    """ "2024 году", "w 1999 roku", "the 1990s": years whose form depends on the words beside them."""

    _YEAR = re.compile(r"([0-9]{4})(?![0-9])")
    _DECADE = re.compile(r"([1-9][0-9]{3}|[2-9]0)s(?![^\W_])")
    _BEFORE_DECADE = re.compile(r"(?:['’]|\b(?:the|early|mid|late)[ -])$", re.IGNORECASE)

    def __init__(self, tools: Tools) -> None:
        self._numerals = tools.numerals
        self._language = tools.language.code
        self._forms = [_YearForm.read(entry) for entry in tools.language.dates.get("year_forms", ())]
        self._decades = tools.language.dates.get("decades")

    def __call__(self, text: str, start: int) -> Said | None:
        before = text[max(0, start - LOOK_BACK) : start]
        if self._decades and (decade := self._decade(text, start, before)):
            return decade
        match = self._YEAR.match(text, start)
        if not match or text[start] == "0":
            return None
        for form in self._forms:
            behind = form.behind.match(text, match.end())
            if behind and form.before.search(before):
                end = match.end() if form.instead is None else behind.end()
                end -= end > match.end() and ends_a_sentence(text, end, self._language)
                return Said(end, self._in_form(match[1], form.name) + (form.instead or ""))
        return None

    def _decade(self, text: str, start: int, before: str) -> Said | None:
        """ "1990s", "the '90s"; but "30s" alone is half a minute."""
        match = self._DECADE.match(text, start)
        if not match or (len(match[1]) < 4 and not self._BEFORE_DECADE.search(before)):
            return None
        words = self._numerals.year(int(match[1]))
        return Said(match.end(), words[:-1] + "ies" if words.endswith("y") else words + "s")

    def _in_form(self, year: str, form: str) -> str:
        if form == "digits":
            return self._numerals.digits(year)
        if form == "cardinal":
            return self._numerals.year(int(year))
        return self._numerals.inflected_ordinal(int(year), form)
