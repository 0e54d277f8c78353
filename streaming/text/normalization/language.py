"""The tables of a language: what its speakers say for a sign, a unit, a currency, and how they write numbers and dates.

One TOML file for each language, `languages/<code>.toml`; `languages/README.md` says what each entry means. A region has its
own file only for what differs ("pt-PT", "es-MX").
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from streaming.text.normalization.plurals import Amount, category

_FOLDER = files("streaming.text.normalization") / "languages"
Table = Mapping[str, Any]
# Begins a form that says its number itself, as duals do.
_SAID_ALONE = "="


@dataclass(frozen=True, slots=True)
class Word:
    """The forms of a noun by plural category, and its gender: m, f, n, or c where a number is said as when it is counted."""

    forms: Mapping[str, str]
    gender: str = "m"

    def form(self, of: str) -> str:
        return self.forms.get(of) or self.forms["other"]


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """`code` is the language without its region, `region` as in the code ("PT") or nothing."""

    code: str
    region: str
    numbers: Table
    signs: Mapping[str, str]
    units: Mapping[str, Word]
    currencies: Mapping[str, Word]
    cents: Mapping[str, Word]
    scales: Mapping[str, Word]
    fractions: Mapping[str, Word]
    # "/s", "·s⁻¹" -> "per second"; a phrase with {amount} says where that stands.
    per: Mapping[str, str]
    # Exponent -> what is said after the base; "n" is any, {e} its words.
    powers: Mapping[str, str]
    # Gender -> nouns that are written out, parted by blanks.
    nouns: Mapping[str, str]
    # "Five whole three tenths": what is said behind the integer of a decimal, and behind one, two, three digits.
    whole: Word | None
    decimal_parts: tuple[Word, ...]
    dates: Table
    times: Table
    ordinals: Table
    roman: Table
    addresses: Table
    abbreviations: Mapping[str, str]
    # Of those, and of others, what they stand for before a number and before a capital letter.
    abbreviations_before_numbers: Mapping[str, str]
    abbreviations_before_names: Mapping[str, str]

    @property
    def has_blanks(self) -> bool:
        """Whether it parts its words by blanks."""
        return bool(self.numbers["blank"])

    def ranged(self, first: str, second: str, entry: str = "range") -> str:
        """ "3–5": `numbers.range` (or another `entry`) is a word between them, nothing, or a pattern for both."""
        between: str = self.numbers[entry]
        if "{" in between:
            return between.format(first=first, second=second)
        blank: str = self.numbers["blank"]
        return blank.join(filter(None, [first, between, second]))

    def by(self, amount: str, denominator: str) -> str:
        """ "five meters" and "/s": "five meters per second"."""
        phrase = self.per[denominator]
        return phrase.format(amount=amount) if "{amount}" in phrase else f"{amount}{self.numbers['blank']}{phrase}"

    def counted(self, words: str, noun: Word, amount: Amount) -> str:
        """`words` (a number) and the noun in the form that belongs to it. A form may say where the number stands."""
        chosen = noun.form(category(self.code, amount))
        return chosen[1:] if chosen[:1] == _SAID_ALONE else self._with_noun(words, chosen)

    def counted_range(self, words: str, noun: Word, last: Amount) -> str:
        """`words` for a range up to `last`, and the noun: in `numbers.range_form` where what is between the numbers asks for
        a form of its own."""
        chosen = noun.form(self.numbers.get("range_form") or category(self.code, last))
        return self._with_noun(words, chosen if chosen[:1] != _SAID_ALONE else noun.form("other"))

    def range_genders(self, gender: str) -> tuple[str, str]:
        """Of the first and the second number of a range before a noun of a gender: "ein bis zwei Stunden"."""
        return self.numbers.get("range_first", {}).get(gender, gender), self.numbers.get("range_second", gender)

    def _with_noun(self, words: str, noun: str) -> str:
        return noun.format(n=words) if "{n}" in noun else f"{words}{self.numbers['blank']}{noun}"


def table_name(code: str) -> str | None:
    """The name of the tables for a client's "en", "zh-CN", "pt_pt": with its region where that has a file of its own. None
    if there are none."""
    language, _, region = code.strip().replace("_", "-").partition("-")
    names = (f"{language.lower()}-{region.upper()}", language.lower())
    return next((name for name in names if name in _table_names()), None)


def known_languages() -> tuple[str, ...]:
    """The codes of all languages with tables, without regions."""
    return tuple(sorted({name.partition("-")[0] for name in _table_names()}))


def load_language(name: str) -> Language:
    """`name`: one that `table_name` gives."""
    code, _, region = name.partition("-")
    table = _read(code)
    for section, entries in _read(name).items() if region else ():
        table[section] = {**table.get(section, {}), **entries}
    return _made(code, region, table)


@cache
def _table_names() -> frozenset[str]:
    return frozenset(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _made(code: str, region: str, table: dict[str, Any]) -> Language:
    names = table["numbers"]["forms"].split()
    genders = {symbol: gender for gender, symbols in table.get("gender", {}).items() for symbol in symbols}

    def words(section: str) -> dict[str, Word]:
        return {
            symbol.replace("_", " "): word(keys, written)
            for keys, written in table.get(section, {}).items()
            for symbol in keys.split()
        }

    def word(keys: str, written: str) -> Word:
        return Word(_forms(names, written), next((genders[key] for key in keys.split() if key in genders), "m"))

    numbers = table["numbers"]

    return Language(
        code,
        region,
        numbers,
        table.get("signs", {}),
        words("units"),
        words("currencies"),
        words("cents"),
        words("scales"),
        words("fractions"),
        _denominators(table.get("per", {})),
        table.get("powers", {}),
        table.get("nouns", {}),
        word("whole", numbers["whole"]) if "whole" in numbers else None,
        tuple(word("whole", part) for part in numbers.get("parts", ())),
        table.get("dates", {}),
        table.get("times", {}),
        table.get("ordinals", {}),
        table.get("roman", {}),
        table.get("addresses", {}),
        _by_each(table.get("abbreviations", {})),
        _by_each(table.get("abbreviations_before_numbers", {})),
        _by_each(table.get("abbreviations_before_names", {})),
    )


def _forms(names: list[str], written: str) -> dict[str, str]:
    """ "dollar, dollars" in the order of `names`; one form alone is for all."""
    forms = [form.strip() for form in written.split(",")]
    if len(forms) == 1:
        return {"other": forms[0]}
    return dict(zip(names, forms, strict=True))


def _denominators(table: Mapping[str, str]) -> dict[str, str]:
    """How the units of `table` are written below others: "/s²", and "·s⁻²" where the symbol has no blank."""
    result: dict[str, str] = {}
    for keys, phrase in table.items():
        for key in keys.split():
            symbol = key.replace("_", " ")
            result[f"/{symbol}"] = phrase
            power = symbol[-1] if symbol[-1] in "²³" else "¹"
            for dot in "·⋅ ":
                result[f"{dot}{symbol.rstrip('²³')}⁻{power}"] = phrase
    return result


def _by_each(entries: Mapping[str, str]) -> dict[str, str]:
    return {key: value for keys, value in entries.items() for key in keys.split(" | ")}
