"""The tables of this folder: for each language, which words have a dot of their own. README.md says how they are written."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

LANGUAGES = ("ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
INTERNATIONAL = "international"


class Kind(StrEnum):
    """What comes after such a word. The values are the names of the sections."""

    INSIDE = "inside a sentence"
    BEFORE_NAME = "before a name"
    BEFORE_NUMBER = "before a number"
    MAY_END = "may end a sentence"


_ORDINALS = "ordinals"
_WORDS = "one-letter words"
_BEGINNINGS = "begin a sentence"
_NAMES = "begin names"
_AS_WORDS = "words as well"
_BEFORE_WORDS = "before such words"
# How many letters the words that begin with a hyphen have.
_ENDINGS = (3, 4)
SECTIONS = frozenset({*Kind, _ORDINALS, _WORDS, _BEGINNINGS, _NAMES, _AS_WORDS, _BEFORE_WORDS})


@dataclass(frozen=True, slots=True)
class Table:
    """Words stand without their last dot. `compounds` are the beginnings of words with several dots: "z.B" of "z.B.c.".
    `words_as_well` are no abbreviations behind one of `before_words`."""

    kinds: dict[str, frozenset[Kind]]
    compounds: frozenset[str]
    has_ordinals: bool
    one_letter_words: frozenset[str]
    beginnings: frozenset[str]
    name_beginnings: frozenset[str]
    words_as_well: frozenset[str]
    before_words: frozenset[str]

    def kinds_of(self, word: str) -> frozenset[Kind]:
        """Nothing for a word that the table does not have. One in small letters is found with capitals, too, and one that
        begins with a hyphen as the end of a longer word."""
        found = self._of(word) | self._of(word.lower())
        return found or next(filter(None, (self._of(f"-{word[-length:]}") for length in _ENDINGS)), found)

    def _of(self, word: str) -> frozenset[Kind]:
        return self.kinds.get(word, frozenset())


@cache
def table(*languages: str) -> Table:
    """The table of one language of LANGUAGES (or INTERNATIONAL), or what several have together."""
    sections = [_read(language) for language in languages]
    kinds: dict[str, set[Kind]] = {}
    for kind in Kind:
        for word in _all(sections, kind):
            kinds.setdefault(word.removesuffix("."), set()).add(kind)
    return Table(
        {word: frozenset(kinds) for word, kinds in kinds.items()},
        frozenset(beginning for word in kinds for beginning in _compounds(word)),
        bool(_all(sections, _ORDINALS)),
        _all(sections, _WORDS),
        _all(sections, _BEGINNINGS),
        _all(sections, _NAMES),
        frozenset(word.removesuffix(".") for word in _all(sections, _AS_WORDS)),
        _all(sections, _BEFORE_WORDS),
    )


def read_sections(text: str) -> dict[str, frozenset[str]]:
    """The words of a file by section. Raises ValueError for an unknown section, or a word before the first."""
    found: dict[str, set[str]] = {}
    section = ""
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        if content.startswith("["):
            section = content.strip("[]")
        elif content:
            found.setdefault(section, set()).update(content.split())
    if unknown := found.keys() - SECTIONS:
        raise ValueError(f"no such section of abbreviations: {', '.join(sorted(unknown))}")
    return {section: frozenset(words) for section, words in found.items()}


def _read(language: str) -> dict[str, frozenset[str]]:
    return read_sections(files(__package__).joinpath(f"{language}.txt").read_text(encoding="utf-8"))


def _all(sections: list[dict[str, frozenset[str]]], name: str) -> frozenset[str]:
    return frozenset[str]().union(*(section.get(name, frozenset()) for section in sections))


def _compounds(word: str) -> list[str]:
    """ "z", "z.H" for "z.H.d": what of a word with several dots can stand before one of them, with the part after it."""
    parts = word.split(".")
    return [".".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 2, len(parts) + 1)]
