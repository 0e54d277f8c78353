"""Times of day."""

import re

from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import LOOK_BACK, Said, Tools, ends_a_sentence
from streaming.text.normalization.syntax import ANY_BLANK, alternatives


class Times:
    """ "14:30", "7 pm", "14h30", "9:00–17:00"."""

    def __init__(self, tools: Tools) -> None:
        self._language = tools.language
        self._numerals = tools.numerals
        self._times = times = tools.language.times
        self._halves = {key: words for keys, words in times.get("halves", {}).items() for key in keys.split()}
        halves = alternatives(self._halves) or "(?!)"
        clock = (
            rf"(?:[01]?[0-9]|2[0-4])(?:[:{times.get('separators', '')}][0-5][0-9](?::[0-5][0-9])?"
            rf"|(?:{times.get('hour_sign', '(?!)')})(?:[0-5][0-9])?)(?![0-9]|[.:,][0-9])"
        )
        after = rf"{ANY_BLANK}?(?:{alternatives(times.get('after', '').split()) or '(?!)'})(?![^\W_])"
        to = rf"{ANY_BLANK}?[–-]{ANY_BLANK}?"
        half, early = (rf"{ANY_BLANK}?(?P<{name}>{halves})(?![^\W_])" for name in ("half", "early"))
        hour = "[01]?[0-9](?![0-9])"
        mixed = rf"(?:{clock}|{hour})"
        # "10am–2pm", "10:30–11:45 am", "7 pm".
        self._patterns = [
            re.compile(rf"(?P<first>{mixed}){early}{to}(?P<second>{mixed}){half}(?P<after>(?!))?"),
            re.compile(
                rf"(?P<first>{clock})(?P<early>(?!))?(?:{to}(?P<second>{clock}))?(?:{half}|(?P<after>{after}))?"
            ),
            re.compile(rf"(?P<first>{hour})(?P<early>(?!))?(?:{to}(?P<second>{mixed}))?{half}(?P<after>(?!))?"),
        ]
        # What is before a time -> the form of its hour; the forms of both hours of a range.
        # Behind "from", a range has no such word of its own.
        self._from = re.compile(f"(?:{times.get('from', '(?!)')})$", re.IGNORECASE)
        self._forms = [
            (re.compile(f"(?:{before})$", re.IGNORECASE), form) for before, form in times.get("before", {}).items()
        ]
        self._endings = {
            form: [(re.compile(ending), new) for ending, new in endings.items()]
            for form, endings in times.get("forms", {}).items()
        }
        self._parts = re.compile("[0-9]+")

    def __call__(self, text: str, start: int) -> Said | None:
        match = next((match for pattern in self._patterns if (match := pattern.match(text, start))), None)
        # "14.30" is a time only with the word for it.
        if not match or ("." in match["first"] and not match["half"] and not match["after"]):
            return None
        before = text[max(0, start - LOOK_BACK) : start]
        form = next((form for pattern, form in self._forms if pattern.search(before)), "")
        if match["second"]:
            words = self._range(match, is_from=bool(self._from.search(before)))
        else:
            words = self._said(match["first"], bool(match["half"]), form)
        if match["half"]:
            words = self._halves[match["half"]].format(time=words)
        keeps_stop = ends_a_sentence(text, match.end(), self._language.code)
        return Said(match.end() - keeps_stop, words)

    def _range(self, match: re.Match[str], *, is_from: bool) -> str:
        """ "10:30–11:45"."""
        own = self._times.get("range_form", "")
        first = self._said(match["first"], bool(match["half"]), own)
        if match["early"]:
            first = self._halves[match["early"]].format(time=first)
        second = self._said(match["second"], bool(match["half"]), own)
        pattern = self._times.get("range_after" if is_from else "range")
        return str(pattern).format(first=first, second=second) if pattern else self._language.ranged(first, second)

    def _said(self, written: str, is_half: bool, form: str) -> str:
        hour, minute, second = [*map(int, self._parts.findall(written)), 0, 0][:3]
        hours, counted = self._hours(hour, form), self._counted(hour, "hour")
        if not minute:
            words = hours if is_half else self._times["full"].format(h=hours, hours=counted)
        elif minute < 10 and "below_ten" in self._times:
            words = self._times["below_ten"].format(h=hours, hours=counted, m=self._counted(minute, "minute", form))
        else:
            words = self._times["minutes"].format(h=hours, hours=counted, m=self._counted(minute, "minute", form))
        return words if not second else self._times["seconds"].format(time=words, s=self._counted(second, "second"))

    def _hours(self, hour: int, form: str) -> str:
        if form and form not in self._endings:
            return str(self._times.get("one", {}).get(form, "")) if hour == 1 else self._numerals.cardinal(hour, form)
        if names := self._times.get("hours"):
            words = str(names.split()[hour].replace("_", " "))
        else:
            words = str(self._numerals.cardinal(hour, self._times.get("gender", "")))
        for ending, new in self._endings.get(form, ()):
            words = ending.sub(new, words)
        return words

    def _counted(self, number: int, what: str, form: str = "") -> str:
        """In the case of the hour, where the numbers have cases."""
        noun = self._language.units.get(f"time:{what}")
        if noun is None:
            return str(self._numerals.cardinal(number, form if form not in self._endings else ""))
        amount = Amount(str(number))
        return self._language.counted(self._numerals.cardinal(number, noun.gender), noun, amount)
