"""An engine whose pieces can be heard, for tests: it speaks sentence by sentence, each as a tone of another loudness."""

import threading
from collections.abc import Iterator

import numpy as np

from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest, VoiceRef
from streaming.text.boundaries import Strength, boundaries

RATE = 24_000
CHARACTERS_PER_SECOND = 5
# What is said otherwise than it is long.
SECONDS = {"$1": 5.19}
QUIET, LOUD = 0.1, 0.5
_CHUNK = round(0.46 * RATE)


def piecewise_spec() -> EngineSpec:
    return EngineSpec(f"{__name__}:PiecewiseEngine")


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """The sentences, as (start, end)."""
    start = 0
    for end, strength in [*boundaries(text), (len(text), Strength.SENTENCE)]:
        if strength is Strength.SENTENCE and end > start:
            yield start, end
            start = end


class PiecewiseEngine:
    """While it speaks a sentence, it tells where it ends, and only at its end that it is over."""

    info = EngineInfo("piecewise", RATE, ("en", "zh"), clones=False, slots=4)

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def warm_up(self) -> None:
        pass

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        for number, (start, end) in enumerate(pieces(request.text)):
            said = request.text[start:end]
            seconds = SECONDS.get(said, len(said) / CHARACTERS_PER_SECOND) / request.speed
            samples = _tone(seconds, QUIET if number % 2 == 0 else LOUD)
            for place in range(0, len(samples), _CHUNK):
                is_over = place + _CHUNK >= len(samples)
                is_last = is_over and end == len(request.text)
                chunk = samples[place : place + _CHUNK]
                sink(PcmChunk(request.request_id, chunk, end if is_over else None, is_last, end))
        sink(Finished(request.request_id))

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        sink(Failed(request_id, "This engine cannot clone."))

    def cancel(self, request_id: str) -> None:
        pass

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


def _tone(seconds: float, level: float) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 500 * time)).astype(np.float32)
