"""Which parts of a text are in another script than the language that was asked for, and in which language are they?

Pure text. The scripts of letters are those of their Unicode names; what else stands in a text (digits, marks, signs) has
none and stays with what it follows.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from streaming.text.language_codes import primary_subtag

# Script -> the languages (ISO 639) that are written in it, the most widely spoken one first. Chinese characters and kana are
# one script here, for Japanese mixes them. Languages that stand nowhere are written in Latin letters. Source of each
# language's script: Unicode CLDR, supplemental data on languages.
_LANGUAGES = {
    "CYRILLIC": ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tt", "ba", "cv", "tg", "ab", "nog"),
    "GREEK": ("el", "grc"),
    "ARMENIAN": ("hy", "hyw"),
    "GEORGIAN": ("ka",),
    "HEBREW": ("he", "yi"),
    "ARABIC": ("ar", "fa", "ur", "ps", "sd", "ug", "ckb"),
    "DEVANAGARI": ("hi", "mr", "ne", "kok", "sa"),
    "BENGALI": ("bn", "as", "bpy"),
    "GURMUKHI": ("pa",),
    "GUJARATI": ("gu",),
    "ORIYA": ("or",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "SINHALA": ("si",),
    "THAI": ("th",),
    "MYANMAR": ("my", "shn"),
    "ETHIOPIC": ("am", "ti"),
    "CHEROKEE": ("chr",),
    "HANGUL": ("ko",),
    "CJK": ("zh", "ja", "cmn", "yue", "hak"),
    "LATIN": ("en",),
}
# Letters that tell a language from the first one of its script: of the languages' own alphabets. The first line that fits
# decides.
_TELLING = {
    "CYRILLIC": (
        ("kk", "әғқңұһ"),
        ("be", "ў"),
        ("mk", "ѓќѕ"),
        ("sr", "ђћјљњџ"),
        ("uk", "ґєії"),
        ("mn", "өү"),
    ),
    "ARABIC": (("ur", "ٹڈڑںے"), ("ps", "ښڼډړ"), ("fa", "پچژگکی")),
}
# These are also written in Latin letters.
_ALSO_LATIN = {"sr", "kk", "tt"}
_KANA = ("HIRAGANA", "KATAKANA")
_SAME_SCRIPT = dict.fromkeys((*_KANA, "KATAKANA-HIRAGANA", "IDEOGRAPHIC"), "CJK")
_WIDTHS = ("FULLWIDTH", "HALFWIDTH")


class Run(NamedTuple):
    """The part of a text from `start` to `end` (characters), and its language."""

    start: int
    end: int
    language: str


def runs(text: str, language: str) -> Iterator[Run]:
    """`text` in parts of one language, in order; together they are the whole text.

    What is written in a script of `language` ("ru", "pt-BR") is in that language; the rest is in the likeliest language of
    its script. Between two parts, the blanks go to the first, and an opening bracket to the second.
    """
    own = _scripts_of(language)
    start = letters_end = 0
    script: str | None = None
    for index in range(len(text)):
        found = _script_at(text, index)
        if found is None:
            continue
        found = "" if found in own else found
        if script is not None and found != script:
            edge = _edge(text, letters_end, index)
            yield Run(start, edge, _language(text[start:edge], script) or language)
            start = edge
        script, letters_end = found, index + 1
    if text:
        yield Run(start, len(text), _language(text[start:], script or "") or language)


def _scripts_of(language: str) -> set[str]:
    primary = primary_subtag(language)
    scripts = {script for script, languages in _LANGUAGES.items() if primary in languages}
    return scripts | {"LATIN"} if primary in _ALSO_LATIN or not scripts else scripts


def _script_at(text: str, index: int) -> str | None:
    script = _script(text[index])
    if script == "GREEK":
        # A single letter is a sign ("5 μm", "the angle α"), for which every language has a name.
        neighbours = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
        return script if "GREEK" in map(_script, neighbours) else None
    return script


@lru_cache(maxsize=8192)
def _script(char: str) -> str | None:
    """The script of a letter, if it is one that languages are told by; None for everything else."""
    if not char.isalpha():
        return None
    words = unicodedata.name(char, "").split()
    if words and words[0] in _WIDTHS:
        words = words[1:]
    script = _SAME_SCRIPT.get(words[0], words[0]) if words else ""
    return script if script in _LANGUAGES else None


def _edge(text: str, start: int, end: int) -> int:
    """Where the part ends whose last letter is before `start`, if the next one's first letter is at `end`."""
    between = text[start:end]
    return start + next((place for place in range(len(between), 0, -1) if between[place - 1].isspace()), len(between))


def _language(part: str, script: str) -> str | None:
    if not script:
        return None
    letters = set(part.lower())
    if script == "CJK":
        is_japanese = any(unicodedata.name(letter, "").startswith(_KANA) for letter in letters)
        return "ja" if is_japanese else "zh"
    told = (language for language, telling in _TELLING.get(script, ()) if letters.intersection(telling))
    return next(told, _LANGUAGES[script][0])
