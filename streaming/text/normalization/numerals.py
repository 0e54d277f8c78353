"""Numbers in words: what num2words gives, corrected where a language's orthography differs, and our own for those it lacks.

num2words (LGPL-2.1, pure Python, 1.3 MB) has cardinal numbers for all languages here except Chinese and Hindi. Its other
results are used only where they are right: see `languages/README.md`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from num2words import CONVERTER_CLASSES

from streaming.text.normalization.chinese_numbers import spell_chinese
from streaming.text.normalization.hindi_numbers import spell_hindi
from streaming.text.normalization.language import Language, Word
from streaming.text.normalization.plurals import Amount

# Longer ones are said digit by digit: beyond quadrillions nobody counts, but many read out identifiers.
MOST_DIGITS = 15
_CARDS_BELOW = 10**24
# Of Russian cardinal numbers, by num2words' letters.
_CASES = frozenset("gd")
_BRAZILIAN = "pt_BR"

# Their converters keep the number that they work on: each call gets its own.
_WITH_STATE = frozenset({"ar", "es", "tr"})
_TURKISH_NUMBER = re.compile(
    "(?:sıfır|bir|iki|üç|dör[td]|beş|altmış|altı|yedi|sekiz|dokuz|on|yirmi|otuz|kırk|elli|yetmiş|seksen|doksan|yüz|bin"
    "|milyon|milyar|katrilyon|trilyon)(?:[ıiuü]?nc[ıiuü])?"
)


class Numerals:
    """Cardinal and ordinal numbers of one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._numbers = language.numbers
        self._code_digits = language.addresses.get("telephone_digits", "").split()
        self._blank: str = language.numbers["blank"]
        self._ordinal_words = language.ordinals.get("words", {})
        self._ordinal_suffix = language.ordinals.get("suffix", "")
        self._is_russian = language.code == "ru"
        self._ordinal_forms = {
            form: [(re.compile(ending), new) for ending, new in endings.items()]
            for form, endings in language.ordinals.get("forms", {}).items()
        }
        self._spell = _speller(language)
        self._correct = _CORRECTIONS.get(language.code, _separated)
        self._converter = _converter_maker(language)
        self._genders = {
            gender: [(re.compile(ending), new) for ending, new in endings.items()]
            for gender, endings in language.numbers.get("genders", {}).items()
        }
        self.cardinal = lru_cache(maxsize=4096)(self._cardinal)
        self.ordinal = lru_cache(maxsize=1024)(self._ordinal)

    def _cardinal(self, number: int, gender: str = "") -> str:
        """`number` of fewer than MOST_DIGITS + 1 digits; counted by itself, or with a noun of a gender (m, f, n). Cases
        stand beside the genders ("g") in a language's table; in Russian num2words has them."""
        if self._is_russian and gender in _CASES and self._converter:
            return str(self._converter().to_cardinal(number, case=gender))
        words = self._spell(number)
        for ending, new in self._genders.get(gender, ()):
            words = ending.sub(new, words)
        return words

    def _ordinal(self, number: int) -> str:
        """In the form that a dictionary has: nominative, masculine."""
        if words := self._ordinal_words.get(str(number)):
            return str(words)
        tens, ones = str(number // 10 * 10), str(number % 10)
        if number < 100 and tens in self._ordinal_words and ones in self._ordinal_words:
            return f"{self._ordinal_words[tens]} {self._ordinal_words[ones]}"
        if self._ordinal_words or self._converter is None or number == 0:
            return f"{self.cardinal(number)}{self._ordinal_suffix}"
        return self._correct(str(self._converter().to_ordinal(number)))

    def inflected_ordinal(self, number: int, form: str) -> str:
        """An ordinal number in a form that the language's table names ("f", "genitive"); "" is the dictionary's. In Russian:
        num2words' letters for the case and the gender ("g m")."""
        if self._is_russian and form:
            case, _, gender = form.partition(" ")
            return str(self._converter().to_ordinal(number, case=case, gender=gender)) if self._converter else ""
        words = self.ordinal(number)
        for ending, new in self._ordinal_forms.get(form, ()):
            words = ending.sub(new, words)
        return str(words)

    def code(self, digits: str) -> str:
        """One by one, as in a telephone number."""
        if self._code_digits:
            return "".join(self._code_digits[int(digit)] for digit in digits)
        return self.digits(digits)

    def digits(self, digits: str) -> str:
        """One by one."""
        return (self._blank or "").join(self.cardinal(int(digit)) for digit in digits)

    def read(self, amount: Amount, gender: str = "") -> str:
        """A number as it is counted: leading zeros and very long ones digit by digit."""
        if not amount.fraction:
            return self._integer(amount.integer, gender)
        if self._language.whole and len(amount.fraction) <= len(self._language.decimal_parts):
            return self._with_parts(amount, self._language.whole)
        words = self._integer(amount.integer, "")
        return self._blank.join([words, self._numbers["point"], self._fraction(amount.fraction)])

    def _with_parts(self, amount: Amount, whole: Word) -> str:
        """ "Twelve whole five tenths"."""
        integer, part = Amount(amount.integer), Amount(amount.fraction)
        name = self._language.decimal_parts[len(amount.fraction) - 1]
        words = self._language.counted(self._integer(integer.integer, whole.gender), whole, integer)
        parts = self._language.counted(self.cardinal(int(part.integer), name.gender), name, part)
        return f"{words} {parts}"

    def _integer(self, digits: str, gender: str) -> str:
        if len(digits) > MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
            return self.code(digits)
        return str(self.cardinal(int(digits), gender))

    def _fraction(self, digits: str) -> str:
        if self._numbers["decimals"] == "digits" or len(digits) > 3:
            return self.digits(digits)
        zeros = len(digits) - len(digits.lstrip("0") or "0")
        return self._blank.join([*[self.cardinal(0)] * zeros, self.cardinal(int(digits))])

    def year(self, number: int) -> str:
        """As a year is read, where that differs from other numbers ("nineteen ninety-nine")."""
        hundred = self._numbers.get("hundred")
        is_pair = 1100 <= number < 2000 or (2010 <= number < 2100 and self._numbers.get("years_of_2010"))
        if not hundred or not is_pair:
            return str(self.cardinal(number))
        hundreds, ones = self.cardinal(number // 100), number % 100
        if self._numbers.get("below_ten") is None:
            return f"{hundreds}{hundred}{self.cardinal(ones) if ones else ''}"
        if ones < 10:
            return f"{hundreds} {self._numbers['below_ten'].format(n=self.cardinal(ones)) if ones else hundred}"
        return f"{hundreds} {self.cardinal(ones)}"


def _speller(language: Language) -> Callable[[int], str]:
    if language.code == "zh":
        return spell_chinese
    converter = _converter_maker(language)
    if converter is None:
        return spell_hindi
    correct = _CORRECTIONS.get(language.code, _separated)
    return lambda number: correct(str(converter().to_cardinal(number)))


def _converter_maker(language: Language) -> Callable[[], Any] | None:
    """What gives the library's object for a language, None if it has none.

    It looks up words in far fewer numbers than the library's own, which costs up to a millisecond for each number.
    """
    # By CLDR's likely subtags, Portuguese without a region is that of Brazil.
    name = _BRAZILIAN if language.code == "pt" and language.region != "PT" else language.code
    if name not in CONVERTER_CLASSES:
        return None
    kind = type(CONVERTER_CLASSES[name])
    if name in _WITH_STATE:
        return kind
    converter = kind()
    if hasattr(converter, "cards"):
        cards = ((number, word) for number, word in converter.cards.items() if number < _CARDS_BELOW)
        converter.cards = OrderedDict(cards)
    return lambda: converter


def _separated(words: str) -> str:
    """Without the commas of English and Brazilian numbers, at which a voice would pause."""
    return words.replace(",", "")


def _turkish(words: str) -> str:
    # The library writes them as on a cheque, in one word; the orthography (TDK) parts them.
    return " ".join(_TURKISH_NUMBER.findall(words))


def _czech(words: str) -> str:
    # In words of their own: "pět set", "dvě stě".
    return re.sub(r"(?<=dvě)stě|(?<=tři|yři)sta|(?<=ět|st|dm|sm)set\b", r" \g<0>", words)


def _hungarian(words: str) -> str:
    return re.sub("kettő(?=ezer|milli|billi)", "két", words)


def _arabic(words: str) -> str:
    # The library writes "and" as a word of its own, and duals as if a noun followed.
    words = re.sub(r"(?<= )و (?=\S)", "و", words)
    return re.sub(r"(مئتا|ألفا|مليونا|مليارا)(?= و|$)", r"\1ن", words)


_CORRECTIONS: dict[str, Callable[[str], str]] = {"tr": _turkish, "cs": _czech, "hu": _hungarian, "ar": _arabic}
