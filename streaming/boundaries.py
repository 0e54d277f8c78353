"""Where a text may be cut: after a sentence, a clause or a word, never inside a word.

Pure text, shared by the session (how much to hand to the engine) and by engines (how much to speak in one step). A
boundary lies *behind* the blanks that follow a word, so that the pieces of a text always join up to the text itself.
"""

import re
from collections.abc import Iterator
from enum import IntEnum


class Strength(IntEnum):
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3


# Either blanks, with the punctuation before them, or the full-width marks of scripts that write no blanks at all.
_BOUNDARY = re.compile(
    r"""(?P<mark>[.!?…。！？,;:、，；：—–-]*) (?P<closing>["'”’»)\]}]*) (?P<blank>\s+)
      | (?P<wide>[。！？、，；：]+) (?P<wide_closing>[」』”’）]*)""",
    re.VERBOSE,
)
_SENTENCE_MARKS = frozenset(".!?…。！？")
_CLAUSE_MARKS = frozenset(",;:、，；：—–")
# "Dr. Smith", "J. S. Bach": the dot belongs to the word.
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|No|etc|e\.g|i\.e)|\b[A-Z])\.$")


def boundaries(text: str) -> Iterator[tuple[int, Strength]]:
    """Every place where `text` may be cut, as (index, strength), in order.

    The end of the text is not one of them by itself (the word there may go on), nor are leading blanks (a piece of
    nothing but blanks says nothing).
    """
    for match in _BOUNDARY.finditer(text):
        if match.start() > 0 or not match[0].isspace():
            yield match.end(), _strength(text, match)


def _strength(text: str, match: re.Match[str]) -> Strength:
    marks = match["wide"] or match["mark"] or ""
    if "\n" in (match["blank"] or ""):
        return Strength.SENTENCE
    if _SENTENCE_MARKS.intersection(marks):
        is_abbreviation = marks == "." and _ABBREVIATION.search(text, max(0, match.start() - 5), match.start() + 1)
        return Strength.WORD if is_abbreviation else Strength.SENTENCE
    # A hyphen is a clause mark only between blanks ("one - two"), never in or behind a word ("twenty-one").
    is_dash = marks.startswith("-") and text[match.start() - 1 : match.start()].isspace()
    return Strength.CLAUSE if is_dash or _CLAUSE_MARKS.intersection(marks) else Strength.WORD


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
    """`text` cut into pieces of at most `most` characters that join up to it. A word longer than that stays whole."""
    result: list[str] = []
    start = 0
    while len(text) - start > most:
        rest = text[start:]
        cut = best_cut(rest, least=most // 2, most=most) or next((index for index, _ in boundaries(rest)), None)
        if cut is None or cut == len(rest):
            break
        result.append(rest[:cut])
        start += cut
    if start < len(text):
        result.append(text[start:])
    return result
