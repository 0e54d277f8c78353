"""Characters that stand for others, or for nothing that can be said: full-width letters, pictures, invisible marks.

By Unicode's own properties: what has a compatibility form (NFKC) is said in that form, digits of every script are those of
ASCII, and symbols that no language here has a word for (emoji, ornaments, trade marks) are laid aside.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from streaming.text.rewriting import Replacement

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
# They have a meaning of their own for the rules that come afterwards, or for a voice.
_KEPT = frozenset("ªº⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⁄…\u00a0\u2007\u2009\u202f‑–—−№°π¢£¤¥€")
_KEPT_SYMBOLS = frozenset("°№+<=>~±×÷−∕√∞≈≠≤≥")
_SCRIPTS_WITH_JOINERS = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff]")
_WIDE_LANGUAGES = frozenset({"zh", "ja", "ko"})
# The signs of Arabic numbers: decimal, thousands, percent.
_ARABIC_MARKS = {"٫": ".", "٬": ",", "٪": "%"}
_GAP = "\ue0ff"


def find_odd_characters(text: str, language: str) -> Iterator[Replacement]:
    """Runs of characters that are said as others, in order."""
    keeps_wide_marks = language in _WIDE_LANGUAGES
    for run in _NOT_ASCII.finditer(text):
        yield from _in_run(text, run, keeps_wide_marks)


def _in_run(text: str, run: re.Match[str], keeps_wide_marks: bool) -> Iterator[Replacement]:
    start, spoken = run.start(), ""
    for place, char in enumerate(run[0], run.start()):
        said = _said(char, keeps_wide_marks)
        if said == char or (said == "" and _joins_letters(text, place)):
            if start < place:
                yield _replacement(text, start, place, spoken)
            start, spoken = place + 1, ""
        else:
            spoken += said
    if start < run.end():
        yield _replacement(text, start, run.end(), spoken)


def _replacement(text: str, start: int, end: int, spoken: str) -> Replacement:
    """Pictures part the words beside them; characters that belong together are composed."""
    if _GAP in spoken:
        is_between = text[start - 1 : start].isalnum() and text[end : end + 1].isalnum()
        spoken = spoken.replace(_GAP, "") or (" " if is_between else "")
    return Replacement(start, end, unicodedata.normalize("NFC", spoken))


def _joins_letters(text: str, place: int) -> bool:
    """Whether this is a joiner, or a mark of direction, that a script needs."""
    return text[place] in "\u200c\u200d" and bool(_SCRIPTS_WITH_JOINERS.match(text[place - 1 : place] or " "))


@lru_cache(maxsize=8192)
def _said(char: str, keeps_wide_marks: bool) -> str:
    category = unicodedata.category(char)
    if char in _KEPT:
        return char
    if char in _ARABIC_MARKS:
        return _ARABIC_MARKS[char]
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] == "C":
        return "" if char not in "\n\t\r" else char
    if category[0] == "S":
        return _said_symbol(char, category)
    if "\ufe00" <= char <= "\ufe0f" or category == "Me":
        return ""
    return _compatible(char, category, keeps_wide_marks)


def _said_symbol(char: str, category: str) -> str:
    compatible = unicodedata.normalize("NFKC", char)
    is_said = compatible.isascii() or category == "Sc" or any(map(str.isalnum, compatible))
    if compatible != char and char not in "™℠" and is_said:
        return compatible
    return char if category == "Sc" or char in _KEPT_SYMBOLS else _GAP


def _compatible(char: str, category: str, keeps_wide_marks: bool) -> str:
    if category[0] == "P" and (keeps_wide_marks or not "\uff00" <= char <= "\uffef"):
        return char
    if category[0] == "Z":
        return char if category != "Zs" else " "
    compatible = unicodedata.normalize("NFKC", char)
    return char if compatible.startswith(" ") else compatible
