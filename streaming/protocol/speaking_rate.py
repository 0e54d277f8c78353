"""How long characters take to say: in general, and as a voice has been heard to say them.

A character's weight is its share of the time: 1 for a letter of an alphabet. The weights are rough, and need not be more:
they divide a piece of text whose beginning and end are known, and a rate that is learned makes up for what they miss.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

# Seconds for a letter in ordinary speech, before anything is learned: 14 letters a second.
_USUAL_SECONDS = 1 / 14
# How much is learned before it counts as much as the usual rate, and of how much the rate is the average. In weights: a
# short word, and a few sentences.
_USUAL_COUNTS_AS = 4.0
_MOST_REMEMBERED = 500.0
# How much of the time that is expected for a text a rate is trusted with, before it has learned anything and at most; and
# how much it has to learn for half of the way.
_LEAST_TRUST, _MOST_TRUST = 0.5, 0.85
_HALF_TRUSTED = 40.0
# Seconds for a weight of 1. What is beyond is no speech: a model that went on after its text, or broke off.
_FASTEST, _SLOWEST = 0.01, 2.0

_PAUSES = frozenset(".!?…。！？,;:、，；：\n")
_PAUSE = 2.5
_BLANK = 0.7
# Vowel signs of Hindi, accents, joiners: a part of the character before them.
_MARK = 0.3
# Said as words: digits, "$", "%", "=".
_DIGIT = 4.0
_SIGN = 5.0
_NAMED = frozenset("%&@#")
# A syllable each, or a part of one (kana).
_SYLLABLES = (
    ("\u3040", "\u30ff", 1.8),
    ("\u3400", "\u9fff", 3.0),
    ("\uac00", "\ud7a3", 2.4),
    ("\uf900", "\ufaff", 3.0),
    ("\U00020000", "\U0003ffff", 3.0),
)


@lru_cache(maxsize=4096)
def weight(char: str) -> float:
    """How long the character takes to say, compared with a letter. Above 0."""
    if char in _PAUSES:
        return _PAUSE
    if char.isspace():
        return _BLANK
    for first, last, syllable in _SYLLABLES:
        if first <= char <= last:
            return syllable
    return _weight_of_category(char, unicodedata.category(char))


def _weight_of_category(char: str, category: str) -> float:
    if category == "Nd":
        return _DIGIT
    if char in _NAMED or category in ("Sc", "Sm"):
        return _SIGN
    return _MARK if category[0] in "MC" else 1.0


class SpeakingRate:
    """How fast one voice speaks one language at speed 1, by what it has been heard to say; at first the usual rate."""

    def __init__(self) -> None:
        self._weight = _USUAL_COUNTS_AS
        self._seconds = _USUAL_COUNTS_AS * _USUAL_SECONDS

    @property
    def seconds(self) -> float:
        """For a weight of 1."""
        return self._seconds / self._weight

    @property
    def trust(self) -> float:
        """The share of an expected time that the speech will probably take at least."""
        learned = self._weight - _USUAL_COUNTS_AS
        return _LEAST_TRUST + (_MOST_TRUST - _LEAST_TRUST) * learned / (learned + _HALF_TRUSTED)

    def learn(self, weight: float, seconds: float) -> None:
        """Characters of together this weight took so long to say."""
        seconds = min(max(seconds, weight * _FASTEST), weight * _SLOWEST)
        share = min(1.0, _MOST_REMEMBERED / (self._weight + weight))
        self._weight = (self._weight + weight) * share
        self._seconds = (self._seconds + seconds) * share


@dataclass(frozen=True, slots=True)
class Tempo:
    """A speaking rate at a request's speed. `is_patient`: nothing is guessed, for those who can wait until it is known."""

    rate: SpeakingRate = field(default_factory=SpeakingRate)
    speed: float = 1.0
    is_patient: bool = False

    def progress(self, weight: float, seconds: float) -> float:
        """How much of a text of this weight is probably spoken after so many seconds, if it is not over: a share below 1.

        As much as the rate says, at first; then less and less, since a speech that goes on is slower than that.
        """
        if self.is_patient:
            return 0.0
        share = seconds * self.speed / (weight * self.rate.seconds)
        rest = 1 - self.rate.trust
        return share if share <= 1 - rest else 1 - rest * rest / (share - 1 + 2 * rest)

    def learn(self, weight: float, seconds: float) -> None:
        """They took so long."""
        self.rate.learn(weight, seconds * self.speed)
