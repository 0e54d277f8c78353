"""How long a text takes to say, from how fast people read aloud.

IReST (Trauzettel-Klosinski and Dietz 2012, doi:10.1167/iovs.11-8284) timed 436 young adults who read texts for sixth grade
aloud, in 17 languages, of which XTTS has 13. They read fast: in English 228 words a minute, where the mean of 77 studies is
183 (Brysbaert 2019, doi:10.1016/j.jml.2019.104047). What is counted here are the characters that the model is given, with a
blank for each word: numbers in words; Chinese, Japanese and Korean in Latin letters.
"""

import re
from dataclasses import dataclass

from streaming.engine.text.piece import Timing

# However short a word, saying it takes as long as this many characters.
_SHORTEST_WORD = 3
# Characters a second, and characters a syllable, of IReST's readers: (characters + words) / minute / 60, and that by their
# syllables / minute.
_READ_ALOUD = {
    "ar": (12.5, 2.2),
    "de": (18.3, 3.6),
    "en": (20.2, 3.9),
    "es": (20.7, 2.4),
    "fr": (19.9, 4.0),
    "it": (19.0, 2.8),
    "nl": (19.7, 3.6),
    "pl": (18.0, 3.1),
    "pt": (18.2, 2.5),
    "ru": (19.5, 2.7),
    "tr": (20.3, 2.8),
    # 255 syllables a minute, and 447 morae; with the front end's 3.9 and 2.4 Latin characters and tones for one.
    "zh": (16.6, 3.9),
    "ja": (17.6, 2.4),
    # Not among IReST's, so these are guesses on the slow side: Slovenian's for Czech, and four fifths of Finnish's for
    # Hungarian; seven eighths of the mean of all 17 languages, 370 syllables a minute, with the front end's 3.7 and 3.1
    # characters for one.
    "cs": (17.8, 3.0),
    "hu": (16.5, 2.8),
    "ko": (20.0, 3.7),
    "hi": (16.7, 3.1),
}
_UNKNOWN = (16.0, 3.0)
# Shares of that speed. The fastest are two of IReST's standard deviations above the mean. A voice that has been cloned may
# speak more slowly than any reader, or than its recordings.
_FASTEST = 1.25
_SLOW = 0.6
# Silence before and after, in seconds; for speech that is slow, and for speech that is as slow as any may be.
_SILENCE = 0.7
_LONGEST_SILENCE = 1.5
# Of the syllables that a text should have. Some are swallowed, and the ear of `streaming/engine/ending.py` misses others.
_LEAST_HEARD = 0.6
# Where a reader may pause: between a mark and a word.
_PAUSE = re.compile(r"[.,;:!?…。！？，、；：،؛؟।॥—–]+[\s\"'”’)\]]*(?=\w)|(?<=\s)-+(?=\s)")


@dataclass(frozen=True, slots=True)
class SpokenLength:
    """Of a text as the model is given it. `characters` are those that take time."""

    characters: int
    marks: int

    @classmethod
    def of(cls, cleaned: str) -> "SpokenLength":
        characters = sum(max(_SHORTEST_WORD, len(word)) + 1 for word in cleaned.split())
        return cls(characters, len(_PAUSE.findall(cleaned)))

    def timing(self, language: str) -> Timing:
        """`language`: as in coqui's cleaners ("zh")."""
        rate, per_syllable = _READ_ALOUD.get(language, _UNKNOWN)
        return Timing(
            earliest=self.characters / (rate * _FASTEST),
            latest=self.characters / (rate * _SLOW) + _SILENCE,
            pauses=self.marks,
            syllables=_LEAST_HEARD * self.characters / per_syllable,
        )

    def most_seconds(self, language: str, slowest: float) -> float:
        """How long speech may be that is `slowest` (a share) of the published speed."""
        rate, _ = _READ_ALOUD.get(language, _UNKNOWN)
        return self.characters / (rate * slowest) + _LONGEST_SILENCE
