"""An engine whose pieces can be heard, for tests: it speaks sentence by sentence, each as a tone of another loudness."""

from collections.abc import Iterator

from benchmarks.tone_engine import RATE, ToneEngine, tone
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.contract import EngineInfo, PcmChunk, SpeechRequest
from streaming.text.boundaries import Strength, boundaries

CHARACTERS_PER_SECOND = 5
# Texts that take longer to say than their length suggests.
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


class PiecewiseEngine(ToneEngine):
    """While it speaks a sentence, it tells where the sentence ends; only with its last chunk, that the sentence is over."""

    info = EngineInfo("piecewise", RATE, ("en", "zh"), clones=False, slots=4)

    def chunks(self, request: SpeechRequest) -> Iterator[PcmChunk]:
        for number, (start, end) in enumerate(pieces(request.text)):
            said = request.text[start:end]
            seconds = SECONDS.get(said, len(said) / CHARACTERS_PER_SECOND) / request.speed
            samples = tone(seconds, QUIET if number % 2 == 0 else LOUD)
            for place in range(0, len(samples), _CHUNK):
                is_over = place + _CHUNK >= len(samples)
                is_last = is_over and end == len(request.text)
                chunk = samples[place : place + _CHUNK]
                yield PcmChunk(request.request_id, chunk, end if is_over else None, is_last, end)
