"""An engine that computes nothing and takes its time, as one with a batch does: a step speaks for all rows, and takes the
longer the more rows there are."""

import json
import queue
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tone_engine import RATE, serve_with
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest, VoiceRef

FRAME_SECONDS = 0.05
FRAMES_PER_CHUNK = 4
SECONDS_PER_CHARACTER = 0.06


@dataclass(slots=True)
class _Row:
    request: SpeechRequest
    sink: Sink
    sound: Samples
    sent: int = 0
    spoken: int = 0


def sound_of(request: SpeechRequest) -> Samples:
    """Quiet noise, which no other text or seed has."""
    generator = np.random.default_rng([request.seed or 0, zlib.crc32(request.text.encode())])
    samples = max(1, round(len(request.text) * SECONDS_PER_CHARACTER * RATE))
    return generator.uniform(-0.3, 0.3, samples).astype(np.float32)


def stepping_spec(
    *, base: float = 0.0, per_row: float = 0.001, slots: int = 4, first_step: float = 0.0, folder: Path | None = None
) -> EngineSpec:
    options = {"base": base, "per_row": per_row, "slots": slots, "first_step": first_step}
    return EngineSpec(
        "benchmarks.stepping_engine:SteppingEngine", options | {"folder": str(folder) if folder else None}
    )


def stepping_server(spec: EngineSpec) -> tuple[str, ...]:
    """The command of a server with this engine."""
    return "-m", "benchmarks.stepping_engine", json.dumps({"name": spec.name, "options": spec.options})


class SteppingEngine:
    """A step takes `base + per_row * rows` seconds, the very first one `first_step` more. A step lasts for as long as there
    is a file "hold-step" in the folder."""

    def __init__(self, base: float, per_row: float, slots: int, first_step: float, folder: str | None) -> None:
        self._base, self._per_row, self._extra = base, per_row, first_step
        self._held_by = Path(folder) / "hold-step" if folder else None
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._rows: dict[str, _Row] = {}
        self._is_stopping = False
        self._step_began: float | None = None
        self.info = EngineInfo("stepping", RATE, ("en",), clones=False, slots=slots)

    def warm_up(self) -> None:
        """There is nothing to load."""

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        row = _Row(request, sink, sound_of(request))
        self._inbox.put(lambda: self._rows.update({request.request_id: row}))

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        sink(Failed(request_id, "Noise has no voice."))

    def cancel(self, request_id: str) -> None:
        self._inbox.put(lambda: self._cancel(request_id))

    def stop(self) -> None:
        self._inbox.put(self._stop)

    def step_seconds(self) -> float:
        return 0.0 if self._step_began is None else time.monotonic() - self._step_began

    def run(self) -> None:
        while not self._is_stopping:
            if not self._rows:
                self._inbox.get()()
            while not self._inbox.empty():
                self._inbox.get()()
            self._step_began = time.monotonic()
            self._step()
            self._step_began = None

    def _stop(self) -> None:
        self._is_stopping = True

    def _cancel(self, request_id: str) -> None:
        if row := self._rows.pop(request_id, None):
            row.sink(Finished(request_id, cancelled=True))

    def _step(self) -> None:
        while self._held_by and self._held_by.exists():
            time.sleep(0.01)
        if self._rows:
            time.sleep(self._base + self._per_row * len(self._rows) + self._extra)
            self._extra = 0.0
        for row in list(self._rows.values()):
            row.spoken = min(row.spoken + round(FRAME_SECONDS * RATE), len(row.sound))
            is_over = row.spoken == len(row.sound)
            if is_over or row.spoken - row.sent >= FRAMES_PER_CHUNK * round(FRAME_SECONDS * RATE):
                self._hand_out(row, is_over)

    def _hand_out(self, row: _Row, is_over: bool) -> None:
        request = row.request
        text_end = len(request.text) if is_over else None
        row.sink(PcmChunk(request.request_id, row.sound[row.sent : row.spoken], text_end, is_over))
        row.sent = row.spoken
        if is_over:
            del self._rows[request.request_id]
            row.sink(Finished(request.request_id))


if __name__ == "__main__":
    made, *rest = sys.argv[1:]
    serve_with(EngineSpec(**json.loads(made)), *rest)
