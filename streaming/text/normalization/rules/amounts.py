"""Numbers with what they count: signs, ranges, percentages, units, money, fractions."""

import re
from fractions import Fraction

from streaming.text.normalization.language import Word
from streaming.text.normalization.plurals import Amount
from streaming.text.normalization.rules.rule import Said, Tools, ends_a_sentence, is_letter_or_digit
from streaming.text.normalization.syntax import ANY_BLANK, MINUS_SIGNS, VULGAR, alternatives, rises, vulgar_value

_END = r"(?![^\W_])"
_LATIN_END = "(?![A-Za-z0-9²³])"
_VOWELS = frozenset("aeiouhéè")
# "2 1/2": fractions below one that recipes and lengths have behind an integer.
_ASCII_FRACTION = r"(?:1/(?:[2-9]|10)|2/[35]|3/[458]|4/5|5/[68]|7/8)(?![0-9/])"


class Amounts:
    """ "−5 °C", "3–5 km", "$5.3 billion", "20,15 €", "3½", "1,000"."""

    _NUMBER_IS_NEAR = re.compile(rf"[^0-9]{{0,8}}?(?:[0-9]|{VULGAR})")

    _WORD = re.compile(rf"{ANY_BLANK}[^\W\d_]")

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._language = language = tools.language
        self._numerals = tools.numerals
        # The longest first: "mil millones" before "millones".
        self._joins_suffixes = bool(language.numbers.get("suffix_hyphen"))
        links = language.numbers.get("scaled_link", {})
        self._links = sorted(links.items(), key=lambda link: len(link[0]), reverse=True)
        end = _END if language.has_blanks and language.code != "ko" else _LATIN_END
        currency = alternatives(language.currencies)
        scale = alternatives(language.scales) or "(?!)"
        part = rf"(?:{ANY_BLANK}?{VULGAR}|{ANY_BLANK}{_ASCII_FRACTION})?"
        number = rf"(?:{tools.syntax.pattern}{part}|{VULGAR})"
        # Before a unit, "3,5" is no list.
        measured = rf"(?:{tools.syntax.measured}|{number})"
        sign = rf"[{MINUS_SIGNS}+±]"
        # "3–5", "3 – 5", "3-5", "$3–$5"
        dash = rf"(?P<dash>{ANY_BLANK}?[–—~]{ANY_BLANK}?|-)"
        start, several = rf"(?P<sign>{sign})?", rf"(?P<first>{measured})(?:{dash}(?P<second>{measured}))?"
        # Scales of one letter mean something else where no currency is near: "Room 5B", "10M".
        scale_alone = alternatives(name for name in language.scales if len(name) > 1) or "(?!)"
        money = rf"(?:{ANY_BLANK}?(?P<scale>{scale}){end})?"
        # "/s", and "/month" where the language says the same word before each noun.
        word = r"/(?=[^\W\d_]{3})" if "per" in language.numbers else "(?!)"
        per = rf"(?:(?P<per>{alternatives(language.per) or '(?!)'}){end}(?![²³])|(?P<per_word>{word}))?"
        patterns = [
            rf"(?P<front>{currency}){ANY_BLANK}?(?P<sign2>{sign})?(?P<first>{measured})"
            rf"(?:{dash}(?:(?P=front))?(?P<second>{measured}))?{money}{per}",
            rf"{several}{money}{ANY_BLANK}?(?P<back>{currency}){end}{per}",
            rf"{several}{ANY_BLANK}?(?P<unit>{alternatives(language.units)}){end}{per}",
            rf"{several}{ANY_BLANK}?(?P<alone>{scale_alone}){end}",
            rf"(?P<first>{number}){dash}(?P<second>{number})",
            rf"(?P<first>{number})",
        ]
        self._patterns = [re.compile(start + pattern) for pattern in patterns]

    def __call__(self, text: str, start: int) -> Said | None:
        # Signs are far more common than amounts: this costs less than the patterns.
        if not self._NUMBER_IS_NEAR.match(text, start):
            return None
        for pattern in self._patterns:
            match = pattern.match(text, start)
            if match and (words := self._said(match)):
                end = match.end() + self._hyphen_before_suffix(match) + self._stop_of_unit(match)
                return Said(end - ends_a_sentence(text, end, self._language.code), words)
        return None

    def _stop_of_unit(self, match: re.Match[str]) -> int:
        """ "5 ч. 30 мин": the full stop of a unit is not said."""
        end = match.end()
        is_unit = "unit" in match.re.groupindex and match.string[end : end + 1] == "."
        return int(is_unit and not ends_a_sentence(match.string, end + 1, self._language.code))

    def _hyphen_before_suffix(self, match: re.Match[str]) -> int:
        """ "10-en": in words the ending follows without a hyphen."""
        text, end = match.string, match.end()
        has_one = self._joins_suffixes and text[end : end + 1] == "-" and text[end + 1 : end + 2].islower()
        return int(has_one)

    def _said(self, match: re.Match[str]) -> str | None:
        found = match.groupdict()
        if not _has_a_sign(match) or _is_in_a_chain(match) or not self._is_a_range(found):
            return None
        currency = found.get("front") or found.get("back")
        if currency:
            words = self._money(found, currency)
        elif scale := found.get("alone"):
            words = self._counted(found, self._language.scales[scale])
        elif unit := found.get("unit"):
            words = self._counted(found, self._language.units[unit])
        else:
            words = self._plain(found, has_word=bool(self._WORD.match(match.string, match.end())))
        if per := found.get("per"):
            words = self._language.by(words, per)
        elif found.get("per_word"):
            words = f"{words} {self._language.numbers['per']}"
        sign = found["sign"] or found.get("sign2")
        return words if sign is None else self._with_sign(sign, words)

    def _with_sign(self, sign: str, words: str) -> str:
        minus = self._language.numbers.get("negative") or self._language.signs["−"]
        name = minus if sign in MINUS_SIGNS else self._language.signs[sign]
        return f"{name}{self._language.numbers['blank']}{words}"

    def _is_a_range(self, found: dict[str, str | None]) -> bool:
        first, second = found["first"] or "", found.get("second")
        return second is None or found.get("dash") != "-" or rises(first, second)

    # What is counted

    def _counted(self, found: dict[str, str | None], noun: Word) -> str:
        last = found.get("second") or found["first"] or ""
        amount, part = self._parsed(last)
        is_range = found.get("second") is not None
        words = self._range(found, noun.gender) if is_range else self._number(last, noun.gender)
        if any(words.endswith(name) for name, _ in self._links):
            return self._linked(words, noun.form("other"))
        if is_range:
            return self._language.counted_range(words, noun, amount)
        if part:
            amount = Amount(amount.integer, "5")
        return self._language.counted(words, noun, amount)

    def _range(self, found: dict[str, str | None], gender: str) -> str:
        genders = self._language.range_genders(gender)
        first, second = (found["first"] or "", found["second"] or "")
        return self._language.ranged(self._number(first, genders[0]), self._number(second, genders[1]))

    def _money(self, found: dict[str, str | None], currency: str) -> str:
        noun = self._language.currencies[currency]
        if (scale := found.get("scale")) is not None:
            return self._scaled(found, noun, self._language.scales[scale])
        amount, part = self._parsed(found["first"] or "")
        cents = self._language.cents.get(currency)
        if cents and len(amount.fraction) == 2 and not part and not found.get("second"):
            return self._with_cents(amount, noun, cents)
        return self._counted(found, noun)

    def _with_cents(self, amount: Amount, noun: Word, cents: Word) -> str:
        minor = Amount(amount.fraction.lstrip("0"))
        major = self._language.counted(
            self._numerals.read(Amount(amount.integer), noun.gender), noun, Amount(amount.integer)
        )
        if not minor.integer:
            return major
        words = self._language.counted(self._numerals.read(minor, cents.gender), cents, minor)
        if not amount.integer.strip("0"):
            return words
        return str(self._language.numbers["money"]).format(major=major, minor=words)

    def _scaled(self, found: dict[str, str | None], noun: Word, scale: Word) -> str:
        form = noun.form(self._language.numbers.get("scaled_form", "other"))
        return self._linked(self._counted(found, scale), form.replace("{n}", "").lstrip("="))

    def _linked(self, words: str, noun: str) -> str:
        """ "Un million d'euros": numbers that are nouns themselves have a word between them and what they count."""
        link = next((link for name, link in self._links if words.endswith(name)), None)
        if link is None:
            return f"{words}{self._language.numbers['blank']}{noun}"
        if noun[0] in _VOWELS:
            link = self._language.numbers.get("elided", link)
        return f"{words}{link}{noun}"

    # Numbers

    def _plain(self, found: dict[str, str | None], *, has_word: bool) -> str:
        """`has_word`: a word follows, perhaps what is counted."""
        first, second = found["first"] or "", found.get("second") or ""
        if not second:
            return self._number(first, "", may_be_year=True)
        genders = ("", "") if _may_be_year(second) else self._language.range_genders("word" if has_word else "")
        words = (
            self._number(part, gender, may_be_year=True) for part, gender in zip((first, second), genders, strict=True)
        )
        return self._language.ranged(*words)

    def _number(self, written: str, gender: str, *, may_be_year: bool = False) -> str:
        amount, part = self._parsed(written)
        if part is None:
            if may_be_year and _may_be_year(written):
                return self._numerals.year(int(written))
            return self._numerals.read(amount, gender)
        fraction = self._fraction(part)
        if not amount.integer:
            return fraction
        whole = self._numerals.read(amount, gender)
        halves = self._language.numbers.get("halves", {})
        mixed = halves.get(f"{amount.integer} {part}") or halves.get(str(part)) or self._language.numbers["mixed"]
        return str(mixed).format(n=whole, fraction=fraction)

    def _parsed(self, written: str) -> tuple[Amount, Fraction | None]:
        if "/" in written:
            whole, _, part = re.sub(ANY_BLANK, " ", written).rpartition(" ")
            return self._tools.syntax.parse(whole), Fraction(part)
        if written[-1:].isdigit() and written[-1:].isascii():
            return self._tools.syntax.parse(written), None
        whole = written[:-1].rstrip()
        return self._tools.syntax.parse(whole) if whole else Amount(""), vulgar_value(written[-1])

    def _fraction(self, part: Fraction) -> str:
        return said_fraction(self._tools, part.numerator, part.denominator) or ""


class Fractions:
    """ "3/4": a numerator below one of the denominators that have a name; "24/7" is two numbers."""

    _PATTERN = re.compile(r"([0-9]{1,3})[/⁄∕]([0-9]{1,3})(?![0-9/⁄])")

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def __call__(self, text: str, start: int) -> Said | None:
        match = self._PATTERN.match(text, start)
        if not match or "0" in (match[1][0], match[2][0]) or text[start - 1 : start] == "/":
            return None
        above, below = int(match[1]), int(match[2])
        words = said_fraction(self._tools, above, below) if above < below else None
        if words is None:
            cardinal = self._tools.numerals.cardinal
            words = f"{cardinal(above)} {cardinal(below)}"
        return Said(match.end(), words)


def said_fraction(tools: Tools, above: int, below: int) -> str | None:
    """None if the denominator has no name."""
    language = tools.language
    if whole := language.numbers.get("fractions", {}).get(f"{above}/{below}"):
        return str(whole)
    if any_fraction := language.numbers.get("fraction"):
        return str(any_fraction).format(above=tools.numerals.cardinal(above), below=tools.numerals.cardinal(below))
    noun = language.fractions.get(str(below))
    if noun is None:
        return None
    return language.counted(tools.numerals.cardinal(above, noun.gender), noun, Amount(str(above)))


def _may_be_year(written: str) -> bool:
    return written.isdigit() and len(written) == 4 and written[0] != "0"


def _is_in_a_chain(match: re.Match[str]) -> bool:
    """Whether a hyphen is one of several between numbers, so that it means no range ("978-3-16-148410-0")."""
    if match.groupdict().get("dash") != "-":
        return False
    text, start, end = match.string, match.start("first"), match.end("second")
    follows = text[start - 1 : start] == "-" and text[start - 2 : start - 1].isdigit()
    return follows or (text[end : end + 1] == "-" and text[end + 1 : end + 2].isdigit())


def _has_a_sign(match: re.Match[str]) -> bool:
    """A hyphen or dash is a sign only where nothing stands directly before it ("COVID-19")."""
    if match["sign"] is None:
        return True
    before = match.string[match.start() - 1 : match.start()]
    if match["sign"] in "-–":
        return not before or before.isspace() or before in "([{\"'„“«‘:=,;~"
    return not is_letter_or_digit(match.string, match.start() - 1) or before.isdigit()
