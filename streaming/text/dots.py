"""Whether a dot belongs to the word before it ("Dr.", "31.", "z. B.") or ends a sentence.

In every language by the tables in `abbreviations/`; where it is not known, by the script of the text, and for Latin letters
by what all languages together have. Where the tables leave it open, what comes next decides: a small letter, a capital, a
number, or one of the words that begin sentences. A dot that could be either belongs to the word: two sentences that are
spoken together sound better than half of one.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from streaming.text.abbreviations.tables import INTERNATIONAL, LANGUAGES, Kind, Table, table
from streaming.text.language_codes import primary_subtag

# Characters. The longest word of the tables, with what belongs to it; and the longest word that begins a sentence, with
# what may stand before it.
LOOK_BACK = 32
LOOK_AHEAD = 32

_OPENING = "\"'`„“‚‘«‹([{¿¡*_"
# The word before a dot, with its own dots. It is read backwards: a pattern with its end there would be tried at every place
# before. What precedes the word without a blank is something else: a bracket, or Chinese.
_WORD_BACKWARDS = re.compile(r"[^\s\"'`„“”‚‘«»‹›()\[\]{}¿¡*_/,;:!?…—–\u2e80-\u9fff\uac00-\ud7ff]+")
# A part of a word that is written with blanks, before its last part: "z. " of "z. B.".
_PART_BACKWARDS = re.compile(r"[^\S\n]?\.([^\s.(\"'„“‚«]{1,5})(?=[\s.(\"'„“‚«]|$)")
_MOST_PARTS = 4
_PREVIOUS_BACKWARDS = re.compile(r"[^\S\n]*[\"'“‘«]?([^\W\d_]+)")
_NEXT = re.compile(
    rf"\s*[{re.escape(_OPENING)}]*(?P<word>[^\s.,;:!?…'’`\"„“”«»‹›()\[\]{{}}*_—–/]*['’]?)(?P<after>.?)", re.DOTALL
)
_INITIALS = re.compile(r"[^\W\d_](?:(?:\.-?|-)[^\W\d_])*")
_DOTTED = re.compile(r"[^\W\d_]{1,2}(?:\.-?[^\W\d_]{1,2})+")
_ROMAN = re.compile(r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_DIGITS = re.compile(r"[0-9]{1,4}")
# A year ends many sentences, and is an ordinal number only before a small letter ("2024. december").
_MOST_ORDINAL_DIGITS = 3
_SCRIPTS = (
    (re.compile("[\u0400-\u052f]"), "ru"),
    (re.compile("[\u0600-\u06ff\u0750-\u077f]"), "ar"),
    (re.compile("[\u0900-\u097f]"), "hi"),
    (re.compile("[\u1100-\u11ff\uac00-\ud7ff]"), "ko"),
    (re.compile("[\u3040-\u30ff]"), "ja"),
    (re.compile("[\u3400-\u9fff]"), "zh"),
)
# Written as a part of the next word.
_ARABIC_AND = "\u0648"
_LATIN = tuple(language for language in LANGUAGES if language not in {language for _, language in _SCRIPTS})


class _Next(NamedTuple):
    """What comes after a dot: a word ("" for another sign, or the end), and whether the text goes on behind it."""

    word: str
    after: str
    is_known: bool

    @property
    def is_small_or_number(self) -> bool:
        return self.word[:1].islower() or self.word[:1].isdecimal()

    @property
    def is_initial(self) -> bool:
        return self.after == "." and len(self.word) == 1 and self.word.isalpha()


def dot_belongs_to_word(text: str, place: int, language: str | None = None, *, goes_on: bool = False) -> bool:
    """Whether the dot `text[place]` is a part of the word before it, so that nobody would pause there.

    `language` as in a request ("de", "zh-CN"); None: not known. `goes_on`: more text may follow the end of this one, so that
    a word that ends there may be only half of one. Looks at LOOK_BACK characters before the dot and LOOK_AHEAD behind it.
    """
    backwards = text[max(0, place - LOOK_BACK) : place][::-1]
    match = _WORD_BACKWARDS.match(backwards)
    if match is None or (match.end() == len(backwards) and place > LOOK_BACK):
        return False
    word, head = match[0][::-1], backwards[match.end() :]
    following = _next(text, place + 1, goes_on)
    if _DIGITS.fullmatch(word) and _begins_a_line(head, place):
        return True
    return _rules(language, word + following.word).keeps(word, head, following)


def _next(text: str, place: int, goes_on: bool) -> _Next:
    match = _NEXT.match(text[place : place + LOOK_AHEAD + 1])
    word, after = (match["word"], match["after"]) if match else ("", "")
    return _Next(word, after, bool(after) or not goes_on or len(word) >= LOOK_AHEAD // 2)


def _begins_a_line(head: str, place: int) -> bool:
    """Whether a number is that of an item ("1. Bread"). `head`: what precedes it, backwards."""
    before = head.lstrip(" \t\u00a0")
    return before.startswith("\n") or (not before and place <= LOOK_BACK)


def _rules(language: str | None, sample: str) -> "_Rules":
    known = _known(language) if language else None
    if known or sample.isascii():
        return _rules_of(known)
    return _rules_of(next((language for script, language in _SCRIPTS if script.search(sample)), None))


@lru_cache(maxsize=64)
def _known(language: str) -> str | None:
    """The language without its region, if there are tables for it."""
    primary = primary_subtag(language)
    return primary if primary in LANGUAGES else None


@lru_cache(maxsize=len(LANGUAGES) + 1)
def _rules_of(language: str | None) -> "_Rules":
    own = table(language) if language else table(*_LATIN)
    return _Rules(own, table(INTERNATIONAL), is_one_language=bool(language))


class _Rules:
    """Of one language, or of all that are written in Latin letters."""

    def __init__(self, own: Table, international: Table, *, is_one_language: bool) -> None:
        self._is_one_language = is_one_language
        self._own = own
        self._international = international
        self._compounds = own.compounds | international.compounds
        self._openings = frozenset(compound.rpartition(".")[0] for compound in self._compounds)
        self._beginnings = own.beginnings
        # Words that begin a sentence, and no name.
        self._certain_beginnings = own.beginnings - own.name_beginnings - international.name_beginnings

    def keeps(self, word: str, head: str, following: _Next) -> bool:
        """Whether the dot after `word` stays with it. `head`: what precedes the word, backwards."""
        if self._is_a_word(word, head):
            return False
        names = _suffixes(word, head)
        if following.is_initial and _INITIALS.fullmatch(word):
            return True
        if any(f"{name}.{following.word}" in self._compounds for name in names):
            return True
        kinds = next(filter(None, map(self._kinds_of, names)), frozenset[Kind]())
        if Kind.INSIDE in kinds:
            return True
        if not following.is_known:
            return bool(kinds) or self._is_shaped(word) or not self._openings.isdisjoint(names)
        if any(self._fits(kind, following) for kind in kinds):
            return True
        # "S. 12" is a page, "S. Bach" somebody.
        return kinds <= {Kind.BEFORE_NUMBER} and self._is_shaped(word) and self._keeps_unlisted(word, following)

    def _is_a_word(self, word: str, head: str) -> bool:
        """Whether what could be an abbreviation is a word: "He said no." """
        if word not in self._own.words_as_well:
            return False
        previous = _PREVIOUS_BACKWARDS.match(head)
        return previous is not None and previous[1][::-1] in self._own.before_words

    def _kinds_of(self, name: str) -> frozenset[Kind]:
        own = self._own.kinds_of(name)
        return own if own and self._is_one_language else own | self._international.kinds_of(name)

    def _fits(self, kind: Kind, following: _Next) -> bool:
        if kind is Kind.BEFORE_NUMBER:
            return self._is_number(following.word) or following.word[:1].islower()
        if not following.word:
            # A sign, such as a dash; or the end of the text, which ends the sentence too.
            return bool(following.after)
        if kind is Kind.BEFORE_NAME:
            return following.word not in self._beginnings
        return following.is_small_or_number

    def _is_number(self, word: str) -> bool:
        is_letter = len(word) == 1 and word.isupper()
        return word[:1].isdecimal() or (bool(_ROMAN.fullmatch(word) or is_letter) and word not in self._beginnings)

    # Words that no table has

    def _is_shaped(self, word: str) -> bool:
        """Whether it looks like an initial, an ordinal number, or the letters of an abbreviation."""
        return bool(_INITIALS.fullmatch(word) or _DOTTED.fullmatch(word) or self._is_ordinal(word))

    def _is_ordinal(self, word: str) -> bool:
        return self._own.has_ordinals and bool(_DIGITS.fullmatch(word) or _ROMAN.fullmatch(word))

    def _keeps_unlisted(self, word: str, following: _Next) -> bool:
        if self._is_ordinal(word):
            return self._keeps_ordinal(word, following)
        if len(word) == 1 and (word.islower() or word in self._own.one_letter_words):
            return False
        return bool(following.word) and following.word not in self._certain_beginnings

    def _keeps_ordinal(self, word: str, following: _Next) -> bool:
        if word.isdecimal() and len(word) > _MOST_ORDINAL_DIGITS:
            return following.is_small_or_number
        return bool(following.word) and following.word not in self._beginnings


def _suffixes(word: str, head: str) -> list[str]:
    """`word` with the parts before it, however they are written, then with fewer of them: "u.s.w", "s.w", "w"."""
    names = [word.removeprefix(_ARABIC_AND) or word]
    place = 0
    while len(names) <= _MOST_PARTS and (match := _PART_BACKWARDS.match(head, place)):
        names.append(f"{match[1][::-1]}.{names[-1]}")
        place = match.end()
    return [unicodedata.normalize("NFC", name) for name in reversed(names)]
