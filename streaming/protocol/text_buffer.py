"""When is there enough text to speak, and how much of it?

Text is kept verbatim: token streams split words ("Hel" + "lo "), so nothing is inserted, and the pieces join up to the text
that was appended. One exception: blanks with nothing before them in the buffer are keep-alives, and are dropped.

A pause ends a piece: the text before it is spoken by itself, and the pause follows.

Where a sentence ends depends on the language ("am 31. Dezember"): whoever takes text says which it is, or None if the client
has not said it. Then the text is cut as in no language a word would be.

The work is in proportion to the text, however it is cut into messages: what was taken is left where it is until the next
text is looked at, and places are counted from the first character of all.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streaming.text.boundaries import LONGEST_PIECE, NEXT_WORD, Strength, best_cut, blind_cut, pieces

# The most text of one utterance, in characters, unless a schedule waits for more or a word is longer (LONGEST_PIECE). About
# what XTTS says in one go; longer text is spoken piece by piece.
MAX_UTTERANCE = 250
# A client that sets try_trigger_generation on every word must not be spoken word by word.
TRIGGER_MINIMUM = 50


class Piece(NamedTuple):
    """Text to speak at once, and the seconds of silence after it. A pause without text before it has an empty text."""

    text: str
    pause: float = 0.0


@dataclass(slots=True)
class _Pause:
    """Follows the first `place` characters that were ever appended to the buffer."""

    place: int
    seconds: float


class TextBuffer:
    """The text of one turn that waits to be spoken. No pause is longer than `max_pause` seconds."""

    def __init__(self, *, max_pause: float = 3.0) -> None:
        # What waits is `_text` from `_start` on, then `_added`.
        self._text = ""
        self._start = 0
        self._added: list[str] = []
        # How many characters have been taken, and how many were appended, since the beginning.
        self._taken = 0
        self._appended = 0
        self._pauses: deque[_Pause] = deque()
        # Whether anything but blanks was appended since the last pause.
        self._speaks = False
        self._max_pause = max_pause

    def __len__(self) -> int:
        return self._appended - self._taken

    def beginning(self, *, most: int) -> str:
        """The text, if it is no longer than that and no pause is in it. Does not look at what is longer."""
        if len(self) > most or self._pauses:
            return ""
        self._gather()
        return self._text[self._start :]

    def append(self, text: str) -> None:
        is_blank = not text.strip()
        if len(self) or not is_blank:
            self._added.append(text)
            self._appended += len(text)
            self._speaks = self._speaks or not is_blank

    def pause(self, seconds: float) -> None:
        """Be silent for so long after what was appended so far. Pauses with nothing between them add up."""
        last = self._pauses[-1] if self._pauses else None
        if last is None or self._speaks:
            self._pauses.append(_Pause(self._appended, min(seconds, self._max_pause)))
            self._speaks = False
        else:
            last.seconds = min(last.seconds + seconds, self._max_pause)

    def take_scheduled(self, schedule: Sequence[int], done: int, language: str | None = None) -> list[Piece]:
        """What `schedule` releases when `done` generations of the turn have started. The n-th value is the number of
        characters that the n-th generation waits for; the last value repeats."""
        taken: list[Piece] = []
        while piece := self._take(schedule[min(done + len(taken), len(schedule) - 1)], language):
            taken.append(piece)
        return taken

    def take_triggered(self, language: str | None = None) -> list[Piece]:
        """What try_trigger_generation releases: everything but the last words, if these are too few."""
        taken: list[Piece] = []
        while piece := self._take(TRIGGER_MINIMUM, language):
            taken.append(piece)
        return taken

    def take_all(self, language: str | None = None) -> list[Piece]:
        """Everything, for a flush or the end. A rest of blanks is dropped."""
        taken: list[Piece] = []
        while self._pauses:
            taken += self._take_to_pause(language, most=MAX_UTTERANCE)
        return taken + _pieces(self._cut(len(self)), 0.0, language, most=MAX_UTTERANCE)

    def _take(self, threshold: int, language: str | None) -> Piece | None:
        if len(self) < threshold:
            return None
        most = max(threshold, MAX_UTTERANCE)
        to_pause = self._pauses[0].place - self._taken if self._pauses else None
        if to_pause is None or to_pause > most:
            cut = self._best_cut(language, least=threshold // 2, most=most)
            if to_pause is None or (cut and cut < to_pause):
                return Piece(self._cut(cut)) if cut else None
        (piece,) = self._take_to_pause(language, most=max(most, LONGEST_PIECE))
        return piece

    def _best_cut(self, language: str | None, *, least: int, most: int) -> int | None:
        self._gather()
        window = self._text[self._start : self._start + most + NEXT_WORD]
        is_full = len(self) > most
        # As long as there is room, what may be half of an abbreviation or of a date waits for the next word.
        weakest = Strength.NO_BREAK if is_full else Strength.WORD
        cut = best_cut(window, least=least, most=most, language=language, weakest=weakest, goes_on=True)
        return blind_cut(self._text, self._start, most, language) if cut is None and is_full else cut

    def _take_to_pause(self, language: str | None, *, most: int) -> list[Piece]:
        pause = self._pauses.popleft()
        return _pieces(self._cut(pause.place - self._taken), pause.seconds, language, most=most)

    def _cut(self, length: int) -> str:
        """Take the first `length` characters. No pause may stand before their end."""
        self._gather()
        text = self._text[self._start : self._start + length]
        self._start += length
        self._taken += length
        if not len(self):
            self._text, self._start = "", 0  # nothing of a long text is kept
        return text

    def _gather(self) -> None:
        """Make one text of what waits."""
        if self._added:
            self._text = "".join([self._text[self._start :], *self._added])
            self._start = 0
            self._added = []


def _pieces(text: str, pause: float, language: str | None, *, most: int) -> list[Piece]:
    """`text` in pieces, the last of them with the pause. Blanks without a pause give no piece."""
    *before, last = pieces(text, most=most, language=language) if text.strip() else [""]
    if not last and not pause:
        return []
    return [*map(Piece, before), Piece(last, pause)]
