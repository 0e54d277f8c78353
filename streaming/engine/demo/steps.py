"""How much of a text the embedded voices speak at once: sentences where they are short enough, else clauses, else words.

Pure text. What is spoken at once cannot be interrupted, and the first step is what a listener waits for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from streaming.text.boundaries import NEXT_WORD, Strength, best_cut, boundaries, last_edge

# The most text of one step, in characters.
MOST_PER_STEP = 120
# The first step is short, so that speech begins early. The next ones may grow as far as what has been spoken covers the time
# that they take to make, even on a busy core.
STEP_LEAST = 12
FIRST_STEP_MOST = 60
GROWTH = 4


def steps(text: str, language: str | None = None, before: int = 0) -> Iterator[tuple[int, int]]:
    """`text` as (start, end) of what is spoken in one step: whole sentences where they are short enough, else clauses,
    else words; the first step ends at the first clause. `language`: as for `boundaries`. `before`: the characters that have
    been spoken before this text."""
    start = 0
    while start < len(text):
        most = min(MOST_PER_STEP, max(FIRST_STEP_MOST, GROWTH * (before + start)))
        # A window, not the rest: the work must grow with the text, not with its square.
        window = text[start : start + MOST_PER_STEP + NEXT_WORD]
        end = start + _step_length(window, most, Strength.SENTENCE if before + start else Strength.CLAUSE, language)
        yield start, end
        start = end


def _step_length(window: str, most: int, wanted: Strength, language: str | None) -> int:
    """`window`: what a step may have and the next word, or all that is left."""
    for index, strength in boundaries(window, language):
        if index > most:
            break
        if strength >= wanted and index >= STEP_LEAST:
            return index
    if len(window) <= most:
        return len(window)
    return best_cut(window, least=STEP_LEAST, most=most, language=language) or _first_cut(window)


def _first_cut(window: str) -> int:
    # A "word" beyond this is none that anybody could pronounce.
    most = len(window) if len(window) <= MOST_PER_STEP else last_edge(window[: MOST_PER_STEP + 1])
    return next((index for index, _ in boundaries(window) if index <= MOST_PER_STEP), most)


@dataclass(frozen=True, slots=True)
class Step:
    """Text from `start` to `end`, of which that from `own_start` to `own_end` can be pronounced."""

    start: int
    own_start: int
    own_end: int
    end: int

    def spoken(self, text: str) -> str:
        """What cannot be pronounced still has a say in how its neighbours sound ("..."), unless it is much."""
        return text[max(self.start, self.own_start - MOST_PER_STEP) : min(self.end, self.own_end + MOST_PER_STEP)]


def audible_steps(
    text: str,
    is_audible: Callable[[str], bool],
    is_cancelled: Callable[[], bool],
    language: str | None = None,
    before: int = 0,
) -> Iterator[Step]:
    """The steps of `text`, each as soon as it is known where it ends. One in which nothing can be pronounced ("...")
    belongs to the step before it, or before the first one to that. None once it `is_cancelled`."""
    found: Step | None = None
    start = 0
    for own_start, end in steps(text, language, before):
        if is_cancelled():
            return
        if not is_audible(text[own_start:end]):
            continue
        if found:
            yield replace(found, end=own_start)
            start = own_start
        found = Step(start, own_start, end, end)
    if found:
        yield replace(found, end=len(text))
