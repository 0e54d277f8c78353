"""What a rule is, and what all rules share."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from streaming.text.normalization.language import Language
from streaming.text.normalization.numerals import Numerals
from streaming.text.normalization.syntax import NumberSyntax

# How much before a place is looked at.
LOOK_BACK = 40


class Said(NamedTuple):
    """What is said for the characters up to `end`."""

    end: int
    words: str


class Rule(Protocol):
    def __call__(self, text: str, start: int) -> Said | None:
        """What is said for what begins at `start`; None if the rule does not fit there."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What rules read with."""

    language: Language
    numerals: Numerals
    syntax: NumberSyntax


def is_letter_or_digit(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isalnum()


def ends_a_sentence(text: str, end: int, *, may_be_followed: bool = False) -> bool:
    """Whether the full stop of an abbreviation before `end` is that of a sentence as well. `may_be_followed`: by a name,
    which begins as a sentence does."""
    following = text[end : end + 20]
    if not following.strip():
        return not may_be_followed or "\n" in following
    return not may_be_followed and following[0].isspace() and following.lstrip("\"'“„«( \n")[:1].isupper()
