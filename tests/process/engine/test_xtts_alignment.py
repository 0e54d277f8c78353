"""When the characters of an XTTS engine's pieces are heard, against the samples at which the pieces really began."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from streaming.audio.formats import FORMATS
from streaming.audio.packets import FrameJoiner
from streaming.engine.contract import PcmChunk, Samples
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.piece import TextPiece
from streaming.engine.utterance import Utterance
from streaming.speech.delivery import Delivery
from streaming.text.rewriting import Rewriting
from tests.process.engine.xtts import HELLO, chunks, request, speak, with_stop_bias, xtts

OUTPUT = FORMATS["pcm_24000"]
# A language, a text of several pieces, and a speed.
SPOKEN = {
    "letters": ("en", " ".join([HELLO] * 20), 1.0),
    "Chinese": ("zh", "今天天气很好，我们去公园散步吧。" * 16, 0.5),
    "numbers": ("en", "The 1,234 of them cost $5,678.90 at 11:45, or 99%. " * 8, 2.0),
}


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SteppedEngine]:
    """Ends each piece of text after some tokens."""
    hasty = with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "hasty", 8.0)
    with xtts(hasty, precision="int8", slots=1, threads=1) as made:
        yield made


class Begun:
    """Notes where pieces begin: in the text, and in the audio, in samples."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = [0]
        self.samples: list[int] = []
        self._given = 0
        begin_piece, deliver = Utterance.begin_piece, Utterance.deliver

        def noted_begin(utterance: Utterance, rate: int) -> TextPiece:
            self.samples.append(self._given)
            piece = begin_piece(utterance, rate)
            self.places.append(piece.text_end)
            return piece

        def noted_deliver(utterance: Utterance, samples: Samples) -> None:
            self._given += len(samples)
            deliver(utterance, samples)

        monkeypatch.setattr(Utterance, "begin_piece", noted_begin)
        monkeypatch.setattr(Utterance, "deliver", noted_deliver)

    @property
    def seconds(self) -> list[float]:
        return [samples / OUTPUT.sample_rate for samples in self.samples]


def spans(text: str, spoken: list[PcmChunk]) -> list[tuple[str, int, int]]:
    """Each character, and from when to when it is heard, in milliseconds, as a client is told it."""
    delivery = Delivery(
        text=Rewriting.unchanged(text),
        source_rate=OUTPUT.sample_rate,
        encoder=OUTPUT.new_encoder(),
        joiner=FrameJoiner(()),
        max_packet_ms=60,
    )
    found: list[tuple[str, int, int]] = []
    for chunk in spoken:
        told = {"text_end": chunk.text_end, "piece_end": chunk.piece_end}
        for packet in delivery.push(chunk.samples, last=chunk.last, **told):
            if alignment := packet.since_beginning().alignment:
                columns = zip(alignment.chars, alignment.starts_ms, alignment.durations_ms, strict=True)
                found += [(char, start, start + length) for char, start, length in columns]
    return found


@pytest.mark.parametrize(("language", "text", "speed"), SPOKEN.values(), ids=SPOKEN)
def test_pieces_begin_with_their_audio(
    engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch, language: str, text: str, speed: float
) -> None:
    begun = Begun(monkeypatch)
    (events,) = speak(engine, request(text=text, language=language, speed=speed))
    found = spans(text, chunks(events))
    told = [found[place][1] for place in begun.places[:-1]]
    assert len(told) > 2
    assert told == pytest.approx([1000 * seconds for seconds in begun.seconds], abs=0.6)
    assert [later[1] for _, later in pairwise(found)] == [before[2] for before, _ in pairwise(found)]
    samples = sum(len(chunk.samples) for chunk in chunks(events))
    assert found[-1][2] == pytest.approx(1000 * samples / OUTPUT.sample_rate, abs=0.6)


def test_a_character_that_is_said_in_several_pieces_lasts_as_long_as_all_of_them(
    engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end, text = engine._model.front_end, "abcd"
    (piece,) = front_end.pieces(HELLO, "en")
    ends = (2, 2, 2, 4)
    monkeypatch.setattr(front_end, "pieces", lambda *_, **__: iter([replace(piece, text_end=end) for end in ends]))
    begun = Begun(monkeypatch)
    (events,) = speak(engine, request(text=text))
    found = spans(text, chunks(events))
    # "c" begins the fourth piece.
    assert found[2][1] == pytest.approx(1000 * begun.seconds[3], abs=0.6)
    assert [chunk.text_end for chunk in chunks(events) if chunk.text_end] == [2, 4]
    assert np.diff(begun.samples).min() > 0
