"""An engine on a GPU that keeps account: see `timed_engine.py`, which needs no Triton."""

import time

from benchmarks.timed_engine import Timings
from streaming.engine.gpu.engine import CapturedEngine, Decode, Step
from streaming.engine.gpu.model import CapturedModel
from streaming.engine.xtts_model import SharedModel


class TimedCapturedEngine(CapturedEngine):
    """See `TimedEngine`. A step takes from the moment at which the one before was over, or from its own beginning."""

    def __init__(self, model: CapturedModel) -> None:
        super().__init__(model)
        self.model: SharedModel = model
        self._timings = Timings()
        self._begun: dict[Step | Decode, float] = {}
        self._over = 0.0

    def take_timings(self) -> Timings:
        taken, self._timings = self._timings, Timings()
        return taken

    def _send_step(self) -> Step | None:
        begun = time.perf_counter()
        if step := super()._send_step():
            self._begun[step] = begun
        return step

    def _take_in(self, step: Step) -> None:
        step.round.read()
        over = time.perf_counter()
        self._timings.steps.append((over - max(self._begun.pop(step), self._over), len(step.pieces)))
        self._over = over
        super()._take_in(step)

    def _send_chunks(self) -> None:
        begun, count = time.perf_counter(), len(self._decodes)
        super()._send_chunks()
        for decode in list(self._decodes)[count:]:
            self._begun[decode] = begun

    def _hand_out(self, decode: Decode) -> None:
        seconds = sum(map(len, decode.decoding.read())) / self.model.sample_rate
        self._timings.decodes.append((time.perf_counter() - self._begun.pop(decode), len(decode.pieces)))
        self._timings.decoded_seconds += seconds
        super()._hand_out(decode)
