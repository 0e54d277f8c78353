"""Which part of a text that is still arriving will be said the same way, whatever follows.

Numbers, signs and markup are read together with what stands around them, at any distance (an asterisk waits for another
one), so nothing is sure from the first of them on. Neither are the last words: what follows may make a number of a letter, a
name of an abbreviation, or an ordinal number of a full stop. Chinese and Japanese are divided into words by whole clauses.
"""

import re
from collections.abc import Sequence

# Letters with their marks, blanks, the marks of sentences, and what stands between two letters of a word.
_LETTER = r"[^\W\d_]"
_VOWEL_SIGNS = r"[\u0300-\u036f\u0900-\u0903\u093a-\u094f\u064b-\u0652]"
_MARKS = "[ ,.!?;:、。，！？；：]"
_PLAIN = re.compile(rf"(?:{_LETTER}|{_VOWEL_SIGNS}|{_MARKS}|(?<={_LETTER})['’-](?={_LETTER}))*")
# With a letter: marks that stand alone are no word, since the end of any text is spoken as a mark.
_WORD = re.compile(rf"\S*{_LETTER}\S* +")
_CLAUSE = re.compile(rf"[^、。，！？；：,.!?;:]*{_LETTER}[^、。，！？；：,.!?;:]*[、。，！？；：,.!?;: ]+")
_UNSURE_WORDS = 1
_UNSURE_CLAUSES = 1
# Without blanks between words.
_BY_CLAUSE = ("zh", "ja")


def settled_length(text: str, language: str) -> tuple[int, int]:
    """How much of `text` is sure, and how much is plain, in characters. `language`: its primary subtag."""
    match = _PLAIN.match(text)
    plain = text[: match.end()] if match else ""
    unit, unsure = (_CLAUSE, _UNSURE_CLAUSES) if language in _BY_CLAUSE else (_WORD, _UNSURE_WORDS)
    ends = [match.end() for match in unit.finditer(plain)]
    return (ends[-1 - unsure] if len(ends) > unsure else 0), (ends[-1] if ends else 0)


def alike(one: Sequence[int], other: Sequence[int]) -> int:
    """How many values both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
