"""What a voice is given to read: letters that it knows, and no full stop at which it would rest for no reason."""

import unicodedata
from functools import lru_cache

from streaming.text.boundaries import Strength, boundaries
from streaming.text.language_codes import primary_subtag

# Marks of layout, which the voices would name ("asterisk"), or worse: "[[" begins raw phonemes, and a null ends the text.
_NOT_SPOKEN = frozenset("*_`~|^\\[]{}\0")
# Behind these, letters with marks are spelled by voices whose languages do not have them.
_LAST_COMMON_LETTER = "\u017f"
# Languages (ISO 639) that have some of those letters themselves.
_OWN_LETTERS = {"vi", "ro", "rup", "az", "cy", "ga", "gd", "haw", "mi", "smj", "yo", "ig", "ltg", "sr", "hr", "bs"}


def readable(text: str, language: str) -> str:
    """`text` in letters that a voice of `language` ("en", "pt-BR") can say, character for character: what has no sound is a
    blank."""
    keeps_letters = primary_subtag(language) in _OWN_LETTERS
    return "".join(_readable(char, keeps_letters) for char in text)


@lru_cache(maxsize=8192)
def _readable(char: str, keeps_letters: bool) -> str:
    if char in _NOT_SPOKEN:
        return " "
    if char > _LAST_COMMON_LETTER and not keeps_letters and unicodedata.name(char, "").startswith("LATIN "):
        return unicodedata.normalize("NFD", char)[0]
    return char


def without_idle_stops(text: str, language: str) -> str:
    """`text` without the full stops that end no sentence ("Dr. Smith", "z. B."): the voices would rest at them."""
    kept = []
    start = 0
    for index, strength in boundaries(text, language):
        word = text[start:index].rstrip()
        if strength < Strength.CLAUSE and word.endswith("."):
            kept += [word[:-1], text[start + len(word) : index]]
        else:
            kept.append(text[start:index])
        start = index
    return "".join([*kept, text[start:]])


def can_be_said(text: str) -> bool:
    """Whether there is anything but marks in it. Marks alone would be named ("exclamation")."""
    return any(char.isalnum() or char in "&@%#" or unicodedata.category(char)[0] == "S" for char in text)
