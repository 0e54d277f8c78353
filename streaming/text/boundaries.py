"""Where a text may be cut: after a sentence, a clause or a word, never inside a word, and behind "Dr." or "31." only where
nothing else is left.

Pure text, shared by the session (how much to hand to the engine) and by engines (how much to speak in one step). A
boundary lies *after* the blanks that follow a word, so that the pieces of a text always join up to the text itself.

The work is in proportion to the text, and no piece is longer than LONGEST_PIECE: what has no boundary for so long is no
word that anybody could say.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum

from streaming.text.dots import LOOK_AHEAD, dot_belongs_to_word

# Characters. As many as a schedule may wait for.
LONGEST_PIECE = 500
# How many characters behind a boundary have a say in it.
NEXT_WORD = LOOK_AHEAD + 1


class Strength(IntEnum):
    # Between an abbreviation, an ordinal number or a part of a number and what follows: a cut for want of any other.
    NO_BREAK = 0
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


# Blanks (those that forbid a break excepted), or the full-width marks of scripts that write no blanks. What stands before
# the blanks is looked at afterwards: a pattern that began with it would try every start of a long run of marks.
_BOUNDARY = re.compile(r"[^\S\u00a0\u2007\u202f]+|(?P<wide>[。！？、，；：]+)[」』”’）]*\s*")
# With those that close in German and Danish only ("„Ja.“", "»Ja.«").
_CLOSING = "\"'”’»“‘«)]}"
_SENTENCE_MARKS = frozenset(".!?…。！？؟।॥")
_CLAUSE_MARKS = frozenset(",;:、，；：—–،؛")
_MARKS = "".join(_SENTENCE_MARKS | _CLAUSE_MARKS) + "-"
# Marks that French parts from the words that they belong to ("« Oui. »", "Quoi ?").
_PARTED_MARKS = re.compile(r"[»”’)\]}?!;:.,]+(?=\s|$)")
_PARTED_OPENING = re.compile(r"(?:^|\s)[«„(\[{]$")
_BLANKS = " \u00a0\u202f"
# How much of the text before a blank tells what marks stand there.
_LOOK_BACK = 12
# "12 000": the thousands of a number, parted by blanks.
_THOUSANDS_BEFORE = re.compile(r"(?<![0-9])[0-9]{1,3}$")
_THOUSANDS_BEHIND = re.compile(r"[0-9]{3}(?![0-9])")
_HALF_OF_THOUSANDS = re.compile(r"[0-9]{0,3}$")
# Thai to Khmer, and Chinese and Japanese: a word's end cannot be seen.
_WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff]")
# What a reader sees as one character is made of: joiners and tags, the tones of a skin, the letters of a flag, and what
# follows the first letter of a Korean syllable. (Marks are known by their category.)
_JOINER = "\u200d"
_FOLLOWERS = re.compile("[\u200c\u200d\u1160-\u11ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
# The longest of them that is looked for: a family of four has 11 characters, a flag of tags 14.
_LONGEST_CLUSTER = 32


def boundaries(text: str, language: str | None = None, *, goes_on: bool = False) -> Iterator[tuple[int, Strength]]:
    """Every place where `text` may be cut, as (index, strength), in order.

    The end of the text is not one of them by itself (the word there may go on), nor are leading blanks (a piece of
    nothing but blanks says nothing). `language` says which abbreviations there are; None: it is not known. `goes_on`: more
    text is to follow, so that a boundary that the next word decides ("31. ") is none yet.
    """
    for match in _BOUNDARY.finditer(text):
        if match["wide"]:
            if not _is_inside_a_number(text, match):
                yield match.end(), _strength_of_marks(match["wide"])
        elif match.start() > 0:
            yield match.end(), _strength_of_blank(text, match, language, goes_on)


def _is_inside_a_number(text: str, match: re.Match[str]) -> bool:
    return text[match.start() - 1 : match.start()].isdigit() and text[match.end() : match.end() + 1].isdigit()


def _strength_of_blank(text: str, match: re.Match[str], language: str | None, goes_on: bool) -> Strength:
    start, lines = match.start(), match[0].count("\n")
    if lines < 2 and text[start - 1] == "." and dot_belongs_to_word(text, start - 1, language, goes_on=goes_on):
        return Strength.NO_BREAK
    if lines:
        return Strength.SENTENCE
    if _is_between_thousands(text, match, goes_on) or _is_before_mark(text, match):
        return Strength.NO_BREAK
    before = text[max(0, start - _LOOK_BACK) : start].rstrip(_CLOSING + _BLANKS)
    marks = before[len(before.rstrip(_MARKS)) :]
    if marks.startswith("-"):
        # A hyphen is a clause mark only between blanks ("one - two"), never in or directly after a word ("twenty-one").
        return Strength.CLAUSE if before[: -len(marks)][-1:].isspace() else Strength.WORD
    return _strength_of_marks(marks)


def _is_between_thousands(text: str, match: re.Match[str], goes_on: bool) -> bool:
    start, end = match.span()
    behind = _THOUSANDS_BEHIND.match(text, end) or (goes_on and _HALF_OF_THOUSANDS.match(text, end))
    return end - start == 1 and bool(behind and _THOUSANDS_BEFORE.search(text[max(0, start - 4) : start]))


def _is_before_mark(text: str, match: re.Match[str]) -> bool:
    """Whether the blank parts a mark from its word."""
    start = match.start()
    return bool(_PARTED_MARKS.match(text, match.end()) or _PARTED_OPENING.search(text[max(0, start - 2) : start]))


def _strength_of_marks(marks: str) -> Strength:
    # "etc.," and "usw.;" go on.
    if _SENTENCE_MARKS.intersection(marks) and marks[-1] not in _CLAUSE_MARKS:
        return Strength.SENTENCE
    return Strength.CLAUSE if _CLAUSE_MARKS.intersection(marks) else Strength.WORD


def best_cut(
    text: str,
    *,
    least: int,
    most: int,
    language: str | None = None,
    weakest: Strength = Strength.NO_BREAK,
    goes_on: bool = False,
) -> int | None:
    """The strongest boundary between `least` and `most` characters, the last one among equals; else the last before
    `least`; None if there is no boundary up to `most`. One that is weaker than a word's end only if there is no other, and
    `weakest` allows it.

    What follows the first `most` characters is looked at as well, as far as it is there (NEXT_WORD characters).
    """
    best: tuple[bool, bool, Strength, int] | None = None
    for index, strength in boundaries(text, language, goes_on=goes_on):
        if index > most:
            break
        if strength >= weakest:
            long_enough = index >= least
            counted = strength if long_enough else Strength.WORD
            candidate = (strength > Strength.NO_BREAK, long_enough, counted, index)
            best = candidate if best is None else max(best, candidate)
    return best[-1] if best else None


def pieces(text: str, *, most: int, language: str | None = None) -> list[str]:
    """`text` cut into pieces of at most `most` characters that join up to it.

    A word longer than that stays whole, up to LONGEST_PIECE characters; scripts without blanks are cut between any two of
    their characters.
    """
    result: list[str] = []
    start = 0
    while len(text) - start > most:
        # A window, not the rest: the work must grow with the text, not with its square.
        window = text[start : start + most + NEXT_WORD]
        cut = best_cut(window, least=most // 2, most=most, language=language) or blind_cut(text, start, most, language)
        if cut is None:
            break
        result.append(text[start : start + cut])
        start += cut
    if start < len(text):
        result.append(text[start:])
    return result


def blind_cut(text: str, start: int, most: int, language: str | None = None) -> int | None:
    """How far to go from `start` where no boundary is within `most` characters, and more are there. None if all of them may
    be one word that goes on."""
    following = text[start + most]
    if following.isalnum() and _WITHOUT_BLANKS.match(following):
        return most
    longest = max(most, LONGEST_PIECE)
    window = text[start : start + longest + NEXT_WORD]
    ends = [(index, strength) for index, strength in boundaries(window, language) if index <= longest]
    if ends:
        return next((index for index, strength in ends if strength > Strength.NO_BREAK), ends[0][0])
    return last_edge(window[: longest + 1]) if len(window) > longest else None


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
