"""The beginning of a sequence, which can be computed in parts: its voice, its text and the start of audio.

A row depends on the rows before it alone, so a prefill can be cut anywhere, and rows of several prefills and of decode steps
can go through the layers in one call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from streaming.engine.text.settled import alike

# Rows of prefills that go with a decode step, and how many are tried. On cores with AVX-512, 8 to 12 make it twice as long.
ROWS_BESIDE_A_STEP = 8
_FEWEST_ROWS = 4
_CANDIDATES = (6, 8, 12, 16, 24, 32, 48, 64)


@dataclass(slots=True, eq=False)
class Prefill:
    """One sequence that has begun, in a slot. `hidden` (rows, width) are the rows that have still to be computed, the first
    of them at `position`. The first `voice_length` positions are the voice's, which is new if `keeps_voice`; then come those
    of the text's `ids`. While it `is_open`, the text may go on, and the start of audio is not among the rows."""

    slot: int
    voice_key: str
    voice_length: int
    position: int
    hidden: Tensor
    keeps_voice: bool
    ids: list[int] = field(default_factory=list)
    is_open: bool = False

    @property
    def rows_left(self) -> int:
        return len(self.hidden)

    def take(self, rows: int) -> tuple[Tensor, range]:
        """The next rows and their positions; they count as computed."""
        part, self.hidden = self.hidden[:rows], self.hidden[rows:]
        positions = range(self.position, self.position + rows)
        self.position += rows
        return part, positions

    @property
    def has_not_begun(self) -> bool:
        return self.position == 0

    def skip_voice(self) -> None:
        """The slot has the voice by now."""
        self.take(self.voice_length)
        self.keeps_voice = False

    def revise(self, ids: list[int], text: Tensor, *, is_open: bool) -> None:
        """Another text, as ids and as rows. What has been computed stays as far as both texts begin alike."""
        voice_left = self.voice_length - self.position
        if voice_left > 0:
            self.hidden = torch.cat([self.hidden[:voice_left], text])
        else:
            self.position = min(self.position, self.voice_length + alike(self.ids, ids))
            self.hidden = text[self.position - self.voice_length :]
        self.ids, self.is_open = ids, is_open

    def has_new_voice(self) -> bool:
        """Whether all of the voice has been computed, and is not kept yet. True once."""
        if not self.keeps_voice or self.position < self.voice_length:
            return False
        self.keeps_voice = False
        return True


@dataclass(slots=True)
class Rows:
    """What goes through the layers in one call. `wanted`: the rows whose latents are asked for."""

    hidden: list[Tensor] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)

    def add(self, hidden: Tensor, slots: Sequence[int], positions: Sequence[int], *, wanted: int) -> None:
        """Rows, of whose last ones `wanted` latents are asked for."""
        self.hidden.append(hidden)
        self.slots += slots
        self.positions += positions
        self.wanted += range(len(self.slots) - wanted, len(self.slots))


def joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(tensors)) if len(tensors) > 1 else tensors[0]


def shares(prefills: Sequence[Prefill], rows_at_most: int | None) -> list[tuple[Prefill, int]]:
    """Who is given how many rows: the first in line as many as it needs, then the next one."""
    room = sum(prefill.rows_left for prefill in prefills) if rows_at_most is None else rows_at_most
    given = []
    for prefill in prefills:
        rows = min(room, prefill.rows_left)
        if rows:
            given.append((prefill, rows))
        room -= rows
    return given


def rows_beside_a_step(seconds: Callable[[int], float]) -> int:
    """How many rows of prefills make a decode step at most twice as long. `seconds`: what a call with so many rows takes."""
    step, rows = seconds(1), _FEWEST_ROWS
    for candidate in _CANDIDATES:
        if seconds(1 + candidate) > 2 * step:
            break
        rows = candidate
    return rows
