"""What a rule is, and what all rules share."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from streaming.text.dots import dot_belongs_to_word
from streaming.text.normalization.language import Language
from streaming.text.normalization.numerals import Numerals
from streaming.text.normalization.syntax import NumberSyntax

# How much before a place is looked at.
LOOK_BACK = 40


class Said(NamedTuple):
    """What is said for the characters up to `end`. `joined`: as a part of the word before it."""

    end: int
    words: str
    joined: bool = False


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


def ends_a_sentence(text: str, end: int, language: str) -> bool:
    """Whether a full stop before `end` is that of a sentence, or of both an abbreviation and a sentence."""
    return text[end - 1 : end] == "." and not dot_belongs_to_word(text, end - 1, language)
