"""A text as it came and as it is spoken, and which part of the one is which part of the other."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, Self


class Segment(NamedTuple):
    """A part of a text: as the client wrote it, and as the engine says it. The same where nothing was replaced."""

    original: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Segments in order; together they are the whole text."""

    segments: tuple[Segment, ...]
    _spoken_ends: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _original_ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spoken_ends", _ends(segment.spoken for segment in self.segments))
        object.__setattr__(self, "_original_ends", _ends(segment.original for segment in self.segments))

    @classmethod
    def unchanged(cls, text: str) -> Self:
        return cls((Segment(text, text),)) if text else cls(())

    @property
    def original(self) -> str:
        return "".join(segment.original for segment in self.segments)

    @property
    def spoken(self) -> str:
        return "".join(segment.spoken for segment in self.segments)

    def original_end(self, spoken_end: int) -> int:
        """How far into the original is spoken when the spoken text is, up to `spoken_end` (characters).

        Within a replaced segment its characters come in proportion, and none is ahead of its sound.
        """
        index = bisect_right(self._spoken_ends, spoken_end)
        if index == len(self.segments):
            return self._original_ends[-1] if self.segments else 0
        segment = self.segments[index]
        before = self._original_ends[index - 1] if index else 0
        done = spoken_end - (self._spoken_ends[index - 1] if index else 0)
        if segment.original == segment.spoken:
            return before + done
        return before + len(segment.original) * done // len(segment.spoken)


def _ends(parts: Iterable[str]) -> tuple[int, ...]:
    return tuple(accumulate(map(len, parts)))
