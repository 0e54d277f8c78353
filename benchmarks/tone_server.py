"""`manage.py serve` with an engine that costs nothing, so that only the server's own work is left:
`python -m benchmarks.tone_server`.
"""

import sys
from collections.abc import Iterator

from benchmarks.tone_engine import RATE, ToneEngine, serve_with, tone
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, PcmChunk, SpeechRequest

SECONDS_PER_CHARACTER = 0.06
CHUNK_SECONDS = 0.5


class SteadyEngine(ToneEngine):
    """One quiet tone, made once: copies of it are all that is ever spoken."""

    info = EngineInfo("tone", RATE, ("en",), clones=False, slots=10_000)

    def __init__(self) -> None:
        super().__init__()
        self._chunk = tone(CHUNK_SECONDS, 0.1)

    def chunks(self, request: SpeechRequest) -> Iterator[PcmChunk]:
        count = max(1, round(len(request.text) * SECONDS_PER_CHARACTER / CHUNK_SECONDS))
        for number in range(count):
            yield PcmChunk(request.request_id, self._chunk, None, last=number == count - 1)


if __name__ == "__main__":
    serve_with(EngineSpec("benchmarks.tone_server:SteadyEngine"), *sys.argv[1:])
