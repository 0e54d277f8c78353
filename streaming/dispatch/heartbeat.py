"""Is an engine process alive? It is asked again and again, also while there is nothing for it to do."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

# A process that loads may keep its interpreter busy for a long time at once: where a library of gigabytes comes from a slow
# disk, say. It is not ready meanwhile, so nobody suffers from this patience.
LOADING_SECONDS = 120.0
# Beats per time limit: how finely silence is measured.
BEATS = 5
# So many beats without an answer make a process suspect.
SUSPECT_BEATS = 3


class Condition(Enum):
    """`UNRESPONSIVE`: it may come back, but gets no more work. `HUNG`: it will not come back in time."""

    ALIVE = "alive"
    UNRESPONSIVE = "unresponsive"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class HeartbeatLimits:
    """Seconds. `silence`: a process that says nothing for so long is hung. `step`: one whose step lasts so long, too; such a
    step is suspect as soon as it has lasted as long as `silence`."""

    silence: float = 5.0
    step: float = 20.0


class Pulse:
    """What is known of one process. Silence is counted in beats of the server and not in seconds: of a machine that stood
    still as a whole, the server included, nobody says afterwards that its engine had hung."""

    def __init__(self, limits: HeartbeatLimits) -> None:
        self._limits = limits
        self._silent_beats = 0
        self._step_seconds = 0.0
        self._is_loading = True

    @property
    def beat_seconds(self) -> float:
        return self._limits.silence / BEATS

    def heard(self, step_seconds: float = 0.0) -> None:
        """The process has said something; in an answer, for how long its present step has lasted."""
        self._silent_beats = 0
        self._step_seconds = step_seconds

    def is_ready(self) -> None:
        """It has loaded."""
        self._is_loading = False

    def beat(self) -> Condition:
        """A beat is over. To be called after each."""
        self._silent_beats += 1
        # A question is asked at the end of a beat: the beat in which the last answer came counts as silent, and is none.
        silent = self._silent_beats - 1
        if self._is_loading:
            return Condition.HUNG if silent * self.beat_seconds >= LOADING_SECONDS else Condition.ALIVE
        if silent >= BEATS or self._step_seconds >= self._limits.step:
            return Condition.HUNG
        if silent >= SUSPECT_BEATS or self._step_seconds >= self._limits.silence:
            return Condition.UNRESPONSIVE
        return Condition.ALIVE

    @property
    def complaint(self) -> str:
        """Why it is not alive."""
        if self._step_seconds >= min(self._limits.step, self._limits.silence):
            return f"a step has lasted {self._step_seconds:.1f} s"
        return f"no sign of life for {(self._silent_beats - 1) * self.beat_seconds:.1f} s"


class Heartbeat:
    """Listens to one process, in a thread of its own, until its end: `ask` sends it a question on every beat. `on_change` is
    told, in that thread, of every new condition and the reason for it; after HUNG nothing more comes."""

    def __init__(
        self, limits: HeartbeatLimits, ask: Callable[[], None], on_change: Callable[[Condition, str], None]
    ) -> None:
        self._pulse = Pulse(limits)
        self._ask = ask
        self._on_change = on_change
        self._ended = threading.Event()
        self._condition = Condition.ALIVE
        self._thread = threading.Thread(target=self._run, name="engine-heartbeat", daemon=True)
        self.heard = self._pulse.heard
        self.is_ready = self._pulse.is_ready

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """No change is reported after this."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while self._condition is not Condition.HUNG and not self._ended.wait(self._pulse.beat_seconds):
            condition = self._pulse.beat()
            self._ask()
            if condition is not self._condition:
                self._condition = condition
                self._on_change(condition, self._pulse.complaint)
