"""`manage.py serve` with an engine that costs nothing, so that only the server's own work is left:
`python -m benchmarks.tone_server`.
"""

import os
import threading

import numpy as np
from django.core.management import execute_from_command_line

from streaming.conf import Config
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, Failed, Finished, PcmChunk, Sink, SpeechRequest, VoiceRef

RATE = 24_000
SECONDS_PER_CHARACTER = 0.06
CHUNK_SECONDS = 0.5


class ToneEngine:
    """Speaks every text at once, as a quiet tone."""

    info = EngineInfo("tone", RATE, ("en",), clones=False, slots=10_000)

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._chunk = (0.1 * np.sin(np.arange(int(RATE * CHUNK_SECONDS)) * 0.1)).astype(np.float32)

    def warm_up(self) -> None:
        pass

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        chunks = max(1, round(len(request.text) * SECONDS_PER_CHARACTER / CHUNK_SECONDS))
        for number in range(chunks):
            sink(PcmChunk(request.request_id, self._chunk, None, last=number == chunks - 1))
        sink(Finished(request.request_id))

    def prepare(self, request_id: str, voice: VoiceRef, sink: Sink) -> None:
        sink(Failed(request_id, "A tone has no voice."))

    def cancel(self, request_id: str) -> None:
        pass

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


def _tone(config: Config) -> tuple[list[EngineSpec], str]:
    return [EngineSpec("benchmarks.tone_server:ToneEngine", {})], "a benchmark measures the server alone"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    from streaming.dispatch import engine_choice

    engine_choice.engine_specs = _tone  # before anything asks for it
    execute_from_command_line(["manage.py", "serve"])
