"""Times of day."""

import re

from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import Said, Tools, ends_a_sentence
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
            rf"|(?:{times.get('hour_sign', '(?!)')})(?:[0-5][0-9])?)(?![0-9]|[.:][0-9])"
        )
        after = rf"{ANY_BLANK}?(?:{alternatives(times.get('after', '').split()) or '(?!)'})(?![^\W_])"
        to = rf"{ANY_BLANK}?[–-]{ANY_BLANK}?"
        half = rf"{ANY_BLANK}?(?P<half>{halves})(?![^\W_])"
        self._clock = re.compile(rf"(?P<first>{clock})(?:{to}(?P<second>{clock}))?(?:{half}|(?P<after>{after}))?")
        self._hour = re.compile(rf"(?P<first>[01]?[0-9])(?:{to}(?P<second>[01]?[0-9]))?{half}(?P<after>(?!))?")
        self._parts = re.compile("[0-9]+")

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._clock.match(text, start) or self._hour.match(text, start)
        # "14.30" is a time only with the word for it.
        if not match or ("." in match["first"] and not match["half"] and not match["after"]):
            return None
        times = [self._said(time, bool(match["half"])) for time in (match["first"], match["second"]) if time]
        words = times[0] if len(times) == 1 else self._language.ranged(times[0], times[1])
        if match["half"]:
            words = self._halves[match["half"]].format(time=words)
        keeps_stop = ends_a_sentence(text, match.end(), self._language.code)
        return Said(match.end() - keeps_stop, words)

    def _said(self, written: str, is_half: bool) -> str:
        hour, minute, second = [*map(int, self._parts.findall(written)), 0, 0][:3]
        hours, counted = self._hours(hour), self._counted(hour, "hour")
        if not minute:
            words = hours if is_half else self._times["full"].format(h=hours, hours=counted)
        elif minute < 10 and "below_ten" in self._times:
            words = self._times["below_ten"].format(h=hours, hours=counted, m=self._counted(minute, "minute"))
        else:
            words = self._times["minutes"].format(h=hours, hours=counted, m=self._counted(minute, "minute"))
        return words if not second else self._times["seconds"].format(time=words, s=self._counted(second, "second"))

    def _hours(self, hour: int) -> str:
        if names := self._times.get("hours"):
            return str(names.split()[hour].replace("_", " "))
        return str(self._numerals.cardinal(hour, self._times.get("gender", "")))

    def _counted(self, number: int, what: str) -> str:
        noun = self._language.units.get(f"time:{what}")
        if noun is None:
            return str(self._numerals.cardinal(number))
        amount = Amount(str(number))
        return self._language.counted(self._numerals.cardinal(number, noun.gender), noun, amount)
