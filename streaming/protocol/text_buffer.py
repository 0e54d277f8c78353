"""When is there enough text to speak, and how much of it?

Text is kept verbatim: token streams split words ("Hel" + "lo "), so nothing is inserted, and what comes out joins up to what
went in. The one exception: blanks with nothing before them in the buffer are keep-alives and are dropped.
"""

from collections.abc import Sequence

from streaming.boundaries import best_cut, pieces

# The most text of one utterance, in characters, unless a schedule waits for more. About what XTTS says in one go; longer
# text is spoken piece by piece.
MAX_UTTERANCE = 250
# A client that sets try_trigger_generation on every word must not be spoken word by word.
TRIGGER_MINIMUM = 50


class TextBuffer:
    """The text of one turn that waits to be spoken."""

    def __init__(self) -> None:
        self._text = ""

    def __len__(self) -> int:
        return len(self._text)

    def append(self, text: str) -> None:
        if self._text or not text.isspace():
            self._text += text

    def take_scheduled(self, schedule: Sequence[int], done: int) -> list[str]:
        """What `schedule` lets go when `done` generations of the turn have started. The n-th value is the number of
        characters that the n-th generation waits for; the last value repeats."""
        taken: list[str] = []
        while piece := self._take(schedule[min(done + len(taken), len(schedule) - 1)]):
            taken.append(piece)
        return taken

    def take_triggered(self) -> list[str]:
        """What a polite "now, if you can" lets go: all but the last words, if they are not enough."""
        taken: list[str] = []
        while piece := self._take(TRIGGER_MINIMUM):
            taken.append(piece)
        return taken

    def take_all(self) -> list[str]:
        """Everything, for a flush or the end. A blank rest is dropped: there is nothing to say."""
        text, self._text = self._text, ""
        return [] if not text.strip() else pieces(text, most=MAX_UTTERANCE)

    def _take(self, threshold: int) -> str:
        if len(self._text) < threshold:
            return ""
        cut = best_cut(self._text, least=threshold // 2, most=max(threshold, MAX_UTTERANCE))
        if not cut:
            return ""
        piece, self._text = self._text[:cut], self._text[cut:]
        return piece
