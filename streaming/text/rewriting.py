"""A text as it came and as it is spoken, and which part of the one is which part of the other."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, Self


class Segment(NamedTuple):
    """A part of a text: as the client wrote it, and as the engine says it. The same where nothing was replaced."""

    original: str
    spoken: str


class Replacement(NamedTuple):
    """Say `spoken` for the characters of a text from `start` to `end`."""

    start: int
    end: int
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

    @classmethod
    def replacing(cls, text: str, replacements: Iterable[Replacement]) -> Self:
        """`text` with `replacements`, which are in order and do not overlap."""
        segments = []
        unchanged = 0
        for start, end, spoken in replacements:
            if unchanged < start:
                segments.append(Segment(text[unchanged:start], text[unchanged:start]))
            segments.append(Segment(text[start:end], spoken))
            unchanged = end
        if unchanged < len(text):
            segments.append(Segment(text[unchanged:], text[unchanged:]))
        return cls(tuple(segments))

    @property
    def original(self) -> str:
        return "".join(segment.original for segment in self.segments)

    @property
    def spoken(self) -> str:
        return "".join(segment.spoken for segment in self.segments)

    def then(self, further: Self) -> Self:
        """Both rewritings as one: `further` rewrites what is spoken here. Replacements that overlap become one."""
        middle = further.original
        segments: list[Segment] = []
        unchanged = 0
        for start, end, ours, theirs in _blocks(self._as_places(by_spoken=True), further._as_places(by_spoken=False)):
            if unchanged < start:
                segments.append(Segment(middle[unchanged:start], middle[unchanged:start]))
            segments.append(Segment(_filled(middle, start, end, ours), _filled(middle, start, end, theirs)))
            unchanged = end
        if unchanged < len(middle):
            segments.append(Segment(middle[unchanged:], middle[unchanged:]))
        return type(self)(tuple(segments))

    def _as_places(self, *, by_spoken: bool) -> list[Replacement]:
        """Where something was replaced, in one of the two texts, and by what in the other."""
        ends = self._spoken_ends if by_spoken else self._original_ends
        starts = (0, *ends)
        return [
            Replacement(start, end, segment.original if by_spoken else segment.spoken)
            for segment, start, end in zip(self.segments, starts, ends, strict=False)
            if segment.original != segment.spoken
        ]

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


def _blocks(
    ours: list[Replacement], theirs: list[Replacement]
) -> Iterator[tuple[int, int, list[Replacement], list[Replacement]]]:
    """The replacements of two lists, in order, those together that overlap: start, end, and which of each list."""
    both = [(place, False) for place in ours] + [(place, True) for place in theirs]
    both.sort(key=lambda item: item[0][:2])
    block: tuple[list[Replacement], list[Replacement]] = ([], [])
    start, end = 0, -1
    for place, is_theirs in both:
        if place.start >= end:
            if end >= 0:
                yield start, end, *block
            block = ([], [])
            start, end = place.start, place.end
        block[is_theirs].append(place)
        end = max(end, place.end)
    if end >= 0:
        yield start, end, *block


def _filled(text: str, start: int, end: int, replacements: list[Replacement]) -> str:
    parts = []
    for place in replacements:
        parts += [text[start : place.start], place.spoken]
        start = place.end
    return "".join([*parts, text[start:end]])
