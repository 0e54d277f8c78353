"""Who has a slot, who waits for one, and whose turn it is. No torch, no clock: `now` is handed in, in seconds."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

# A sequence with less audio ahead of its listener than this is about to starve; one with more than PLENTY can wait for it.
SCARCE_SECONDS = 0.5
PLENTY_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Sequence:
    """An utterance inside the engine. Compared by identity: a slot's next owner is somebody else."""

    request_id: str
    slot: int | None = None
    produced_seconds: float = 0.0
    first_audio_at: float | None = field(default=None)

    def lead(self, now: float) -> float:
        """Seconds of audio that a listener who began with the first chunk has still ahead."""
        if self.first_audio_at is None:
            return 0.0
        return self.produced_seconds - (now - self.first_audio_at)


class Scheduler:
    """`slots` sequences at once, the others first come, first served."""

    def __init__(self, slots: int) -> None:
        # The lowest free slot is taken next: fixed-shape steps run over the first slots only.
        self._free = sorted(range(slots), reverse=True)
        self._waiting: deque[Sequence] = deque()
        self._running: dict[int, Sequence] = {}

    @property
    def running(self) -> list[Sequence]:
        """In the order of their slots."""
        return [self._running[slot] for slot in sorted(self._running)]

    @property
    def waiting(self) -> list[Sequence]:
        return list(self._waiting)

    @property
    def is_idle(self) -> bool:
        return not self._running and not self._waiting

    def add(self, sequence: Sequence) -> None:
        self._waiting.append(sequence)

    def admit(self) -> Sequence | None:
        """Give the first in line a slot, if one is free."""
        if not self._waiting or not self._free:
            return None
        sequence = self._waiting.popleft()
        sequence.slot = self._free.pop()
        self._running[sequence.slot] = sequence
        return sequence

    def release(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it is. One that is out already changes nothing, whoever has its slot by now."""
        if sequence.slot is None:
            if sequence in self._waiting:
                self._waiting.remove(sequence)
        elif self._running.get(sequence.slot) is sequence:
            del self._running[sequence.slot]
            self._free.append(sequence.slot)
            self._free.sort(reverse=True)
        sequence.slot = None

    def produced(self, sequence: Sequence, seconds: float, *, now: float) -> None:
        """So much audio of the sequence has gone out."""
        if sequence.first_audio_at is None:
            sequence.first_audio_at = now
        sequence.produced_seconds += seconds

    def turn(self, *, now: float) -> list[Sequence]:
        """Whom the next step is for: everybody, unless somebody is about to starve; then not those who have plenty."""
        running = self.running
        if all(sequence.lead(now) >= SCARCE_SECONDS for sequence in running):
            return running
        return [sequence for sequence in running if sequence.lead(now) < PLENTY_SECONDS]

    def __iter__(self) -> Iterator[Sequence]:
        """Everybody, running or waiting."""
        yield from self.running
        yield from self._waiting
