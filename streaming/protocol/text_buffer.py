"""When is there enough text to speak, and how much of it?

Text is kept verbatim: token streams split words ("Hel" + "lo "), so nothing is inserted, and the pieces join up to the text
that was appended. One exception: blanks with nothing before them in the buffer are keep-alives, and are dropped.

A pause ends a piece: the text before it is spoken by itself, and the pause follows.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streaming.text.boundaries import best_cut, pieces

# The most text of one utterance, in characters, unless a schedule waits for more. About what XTTS says in one go; longer
# text is spoken piece by piece.
MAX_UTTERANCE = 250
# A client that sets try_trigger_generation on every word must not be spoken word by word.
TRIGGER_MINIMUM = 50


class Piece(NamedTuple):
    """Text to speak at once, and the seconds of silence after it. A pause without text before it has an empty text."""

    text: str
    pause: float = 0.0


@dataclass(slots=True)
class _Pause:
    """Follows the first `place` characters of the buffer."""

    place: int
    seconds: float


class TextBuffer:
    """The text of one turn that waits to be spoken. No pause is longer than `max_pause` seconds."""

    def __init__(self, *, max_pause: float = 3.0) -> None:
        self._text = ""
        self._pauses: deque[_Pause] = deque()
        self._max_pause = max_pause

    def __len__(self) -> int:
        return len(self._text)

    def append(self, text: str) -> None:
        if self._text or not text.isspace():
            self._text += text

    def pause(self, seconds: float) -> None:
        """Be silent for so long after what was appended so far. Pauses with nothing between them add up."""
        last = self._pauses[-1] if self._pauses else None
        if last is None or self._text[last.place :].strip():
            self._pauses.append(_Pause(len(self._text), min(seconds, self._max_pause)))
        else:
            last.seconds = min(last.seconds + seconds, self._max_pause)

    def take_scheduled(self, schedule: Sequence[int], done: int) -> list[Piece]:
        """What `schedule` releases when `done` generations of the turn have started. The n-th value is the number of
        characters that the n-th generation waits for; the last value repeats."""
        taken: list[Piece] = []
        while piece := self._take(schedule[min(done + len(taken), len(schedule) - 1)]):
            taken.append(piece)
        return taken

    def take_triggered(self) -> list[Piece]:
        """What try_trigger_generation releases: everything but the last words, if these are too few."""
        taken: list[Piece] = []
        while piece := self._take(TRIGGER_MINIMUM):
            taken.append(piece)
        return taken

    def take_all(self) -> list[Piece]:
        """Everything, for a flush or the end. A rest of blanks is dropped."""
        taken: list[Piece] = []
        while self._pauses:
            taken += self._take_to_pause()
        text, self._text = self._text, ""
        return taken + _pieces(text, 0.0)

    def _take(self, threshold: int) -> Piece | None:
        if len(self._text) < threshold:
            return None
        most = max(threshold, MAX_UTTERANCE)
        if self._pauses and self._pauses[0].place <= most:
            (piece,) = self._take_to_pause(most)
            return piece
        cut = best_cut(self._text, least=threshold // 2, most=most)
        return Piece(self._cut(cut)) if cut else None

    def _take_to_pause(self, most: int = MAX_UTTERANCE) -> list[Piece]:
        pause = self._pauses.popleft()
        return _pieces(self._cut(pause.place), pause.seconds, most=most)

    def _cut(self, place: int) -> str:
        """Take the first `place` characters. No pause may stand before their end."""
        text, self._text = self._text[:place], self._text[place:]
        for pause in self._pauses:
            pause.place -= place
        return text


def _pieces(text: str, pause: float, *, most: int = MAX_UTTERANCE) -> list[Piece]:
    """`text` in pieces, the last of them with the pause. Blanks without a pause give no piece."""
    *before, last = pieces(text, most=most) if text.strip() else [""]
    if not last and not pause:
        return []
    return [*map(Piece, before), Piece(last, pause)]
