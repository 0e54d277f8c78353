"""Where a text may be cut: after a sentence, a clause or a word, never inside a word.

Pure text, shared by the session (how much to hand to the engine) and by engines (how much to speak in one step). A
boundary lies *after* the blanks that follow a word, so that the pieces of a text always join up to the text itself.

The work is in proportion to the text, and no piece is longer than LONGEST_PIECE: what has no boundary for so long is no
word that anybody could say.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum

# Characters. As many as a schedule may wait for.
LONGEST_PIECE = 500


class Strength(IntEnum):
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


# Blanks (those that forbid a break excepted), or the full-width marks of scripts that write no blanks. What stands before
# the blanks is looked at afterwards: a pattern that began with it would try every start of a long run of marks.
_BOUNDARY = re.compile(r"[^\S\u00a0\u2007\u202f]+|(?P<wide>[。！？、，；：]+)[」』”’）]*\s*")
_CLOSING = "\"'”’»)]}"
_SENTENCE_MARKS = frozenset(".!?…。！？؟।॥")
_CLAUSE_MARKS = frozenset(",;:、，；：—–،؛")
_MARKS = "".join(_SENTENCE_MARKS | _CLAUSE_MARKS) + "-"
# How much of the text before a blank tells what kind of boundary it is.
_LOOK_BACK = 12
# "Dr. Smith", "J. S. Bach": the dot belongs to the word.
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e)|\b[A-HJ-Z])\.$")
# Thai to Khmer, and Chinese and Japanese: a word's end cannot be seen.
_WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff]")
# What a reader sees as one character is made of: joiners and tags, the tones of a skin, the letters of a flag, and what
# follows the first letter of a Korean syllable. (Marks are known by their category.)
_JOINER = "\u200d"
_FOLLOWERS = re.compile("[\u200c\u200d\u1160-\u11ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
# The longest of them that is looked for: a family of four has 11 characters, a flag of tags 14.
_LONGEST_CLUSTER = 32


def boundaries(text: str) -> Iterator[tuple[int, Strength]]:
    """Every place where `text` may be cut, as (index, strength), in order.

    The end of the text is not one of them by itself (the word there may go on), nor are leading blanks (a piece of
    nothing but blanks says nothing).
    """
    for match in _BOUNDARY.finditer(text):
        if match["wide"]:
            if not _is_inside_a_number(text, match):
                yield match.end(), _strength_of_marks(match["wide"])
        elif match.start() > 0:
            yield match.end(), _strength_of_blank(text, match)


def _is_inside_a_number(text: str, match: re.Match[str]) -> bool:
    return text[match.start() - 1 : match.start()].isdigit() and text[match.end() : match.end() + 1].isdigit()


def _strength_of_blank(text: str, match: re.Match[str]) -> Strength:
    if "\n" in match[0]:
        return Strength.SENTENCE
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()].rstrip(_CLOSING)
    marks = before[len(before.rstrip(_MARKS)) :]
    if marks == "." and _ABBREVIATION.search(before):
        return Strength.WORD
    if marks.startswith("-"):
        # A hyphen is a clause mark only between blanks ("one - two"), never in or directly after a word ("twenty-one").
        return Strength.CLAUSE if before[: -len(marks)][-1:].isspace() else Strength.WORD
    return _strength_of_marks(marks)


def _strength_of_marks(marks: str) -> Strength:
    if _SENTENCE_MARKS.intersection(marks):
        return Strength.SENTENCE
    return Strength.CLAUSE if _CLAUSE_MARKS.intersection(marks) else Strength.WORD


def best_cut(text: str, *, least: int, most: int) -> int | None:
    """The strongest boundary between `least` and `most` characters, the last one among equals; else the last before
    `least`; None if there is no boundary up to `most`."""
    best: tuple[bool, Strength, int] | None = None
    for index, strength in boundaries(text):
        if index > most:
            break
        long_enough = index >= least
        candidate = (long_enough, strength if long_enough else Strength.WORD, index)
        best = candidate if best is None else max(best, candidate)
    return best[2] if best else None


def pieces(text: str, *, most: int) -> list[str]:
    """`text` cut into pieces of at most `most` characters that join up to it.

    A word longer than that stays whole, up to LONGEST_PIECE characters; scripts without blanks are cut between any two of
    their characters.
    """
    result: list[str] = []
    start = 0
    while len(text) - start > most:
        # A window, not the rest: the work must grow with the text, not with its square.
        window = text[start : start + most + 1]
        cut = best_cut(window, least=most // 2, most=most) or blind_cut(text, start, most)
        if cut is None:
            break
        result.append(text[start : start + cut])
        start += cut
    if start < len(text):
        result.append(text[start:])
    return result


def blind_cut(text: str, start: int, most: int) -> int | None:
    """How far to go from `start` where no boundary is within `most` characters, and more are there. None if all of them may
    be one word that goes on."""
    following = text[start + most]
    if following.isalnum() and _WITHOUT_BLANKS.match(following):
        return most
    longest = max(most, LONGEST_PIECE)
    window = text[start : start + longest + 1]
    end = next((index for index, _ in boundaries(window)), None)
    if end is not None and end <= longest:
        return end
    return last_edge(window) if len(window) > longest else None


def last_edge(window: str) -> int:
    """The last place before the last character of `window` where none of what a reader sees as one character is cut, if it
    is near; else there."""
    most = len(window) - 1
    for place in range(most, max(0, most - _LONGEST_CLUSTER), -1):
        if not _goes_on(window[place - 1], window[place]):
            return place
    return most


def _goes_on(before: str, char: str) -> bool:
    if before == _JOINER or _FOLLOWERS.match(char) or unicodedata.category(char)[0] == "M":
        return True
    return bool(_FLAG.match(before) and _FLAG.match(char))


def is_inside_a_word(before: str, behind: str) -> bool:
    """Whether a word goes on from one character (with its marks) to the next, as far as that can be seen."""
    return all(char[0].isalnum() and not _WITHOUT_BLANKS.match(char) for char in (before, behind))
