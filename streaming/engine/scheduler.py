"""Which requests have a slot, which wait for one, and which take part in the next step. No torch, no clock: `now` is handed
in, in seconds."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

# A request whose listener has less audio left to play than SCARCE is about to starve; one with more than PLENTY can wait.
SCARCE_SECONDS = 0.5
PLENTY_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class ScheduledRequest:
    """One speech request in the scheduler's line or in a slot. Compared by identity: the next owner of a slot is another."""

    request_id: str
    slot: int | None = None
    produced_seconds: float = 0.0
    first_audio_at: float | None = field(default=None)

    def lead(self, now: float) -> float:
        """Seconds of audio that are left for a listener who began to play with the first chunk."""
        if self.first_audio_at is None:
            return 0.0
        return self.produced_seconds - (now - self.first_audio_at)


class Scheduler:
    """Runs `slots` requests at once. The others wait: first come, first served."""

    def __init__(self, slots: int) -> None:
        # The lowest free slot is taken next: fixed-shape steps run over the first slots only.
        self._free = sorted(range(slots), reverse=True)
        self._waiting: deque[ScheduledRequest] = deque()
        self._running: dict[int, ScheduledRequest] = {}
        # Slots that are lent to those who will probably speak.
        self._held: dict[int, ScheduledRequest] = {}

    @property
    def running(self) -> list[ScheduledRequest]:
        """In the order of their slots."""
        return [self._running[slot] for slot in sorted(self._running)]

    @property
    def waiting(self) -> list[ScheduledRequest]:
        return list(self._waiting)

    @property
    def is_idle(self) -> bool:
        return not self._running and not self._waiting

    def add(self, request: ScheduledRequest) -> None:
        self._waiting.append(request)

    def hold(self, request: ScheduledRequest) -> bool:
        """Lend a free slot to a request that is not in line yet, if one is free. It may be released at any time."""
        if not self._free:
            return False
        request.slot = self._free.pop()
        self._held[request.slot] = request
        return True

    @property
    def lacks_a_slot(self) -> bool:
        """Whether somebody waits for a slot, and none is free."""
        return not self._free and any(request.slot is None for request in self._waiting)

    def start_next(self) -> ScheduledRequest | None:
        """Give the first in line a slot, if one is free. Who holds one begins with it."""
        for request in self._waiting:
            if request.slot is None and not self._free:
                continue
            self._waiting.remove(request)
            if request.slot is None:
                request.slot = self._free.pop()
            else:
                del self._held[request.slot]
            self._running[request.slot] = request
            return request
        return None

    def release(self, request: ScheduledRequest) -> None:
        """Take a request out of the line and of its slot. If it is out already nothing changes, even if its slot has a new
        owner."""
        if request in self._waiting:
            self._waiting.remove(request)
        if request.slot is not None:
            for owners in (self._running, self._held):
                if owners.get(request.slot) is request:
                    del owners[request.slot]
                    self._free.append(request.slot)
                    self._free.sort(reverse=True)
        request.slot = None

    def has_time(self, *, now: float) -> bool:
        """Whether nobody waits, and no listener is about to run dry."""
        return not self._waiting and all(request.lead(now) >= SCARCE_SECONDS for request in self._running.values())

    def produced(self, request: ScheduledRequest, seconds: float, *, now: float) -> None:
        """So much audio of the request has been handed out."""
        if request.first_audio_at is None:
            request.first_audio_at = now
        request.produced_seconds += seconds

    def next_step(self, *, now: float) -> list[ScheduledRequest]:
        """Which requests take part in the next step: all that run; but if one is about to starve, those that have plenty
        wait."""
        running = self.running
        if all(request.lead(now) >= SCARCE_SECONDS for request in running):
            return running
        return [request for request in running if request.lead(now) < PLENTY_SECONDS]

    def __iter__(self) -> Iterator[ScheduledRequest]:
        """All requests: those that run, then those that wait."""
        yield from self.running
        yield from self._waiting
