import queue
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk, SpeechRequest
from streaming.engine.demo.demo_engine import DemoEngine
from streaming.engine.demo.piper_voice import MOST_PHONEMES, PiperVoice
from streaming.engine.demo.steps import MOST_PER_STEP
from tests.pure.engine.collect import collect, speak_with

SENTENCE = "The weather is fine today, and the birds are singing in the trees. "


@pytest.fixture(scope="module")
def engine() -> Iterator[DemoEngine]:
    made = DemoEngine(threads=2)
    yield made
    made.stop()


def chunks(events: list[EngineEvent], request_id: str = "1") -> list[PcmChunk]:
    return [event for event in events if isinstance(event, PcmChunk) and event.request_id == request_id]


def samples_of(events: list[EngineEvent], request_id: str = "1") -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return np.concatenate([chunk.samples for chunk in chunks(events, request_id)])


def test_chunks_say_how_far_they_speak_and_which_is_the_last(engine: DemoEngine) -> None:
    events = speak_with(engine, SpeechRequest("1", SENTENCE * 2))
    spoken = chunks(events)
    assert len(spoken) > 1
    ends = [chunk.text_end or 0 for chunk in spoken]
    assert ends == [chunk.piece_end for chunk in spoken] == sorted(ends)
    assert ends[-1] == len(SENTENCE * 2)
    assert [chunk.last for chunk in spoken] == [False] * (len(spoken) - 1) + [True]
    assert events[-1] == Finished("1")


def test_what_is_said_in_several_pieces_is_over_with_the_last(
    engine: DemoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign that is written short and said long, before a word."""
    request = SpeechRequest("1", "ﷺ Hello.", seed=1)
    (piece,) = engine._pieces(replace(request, text="Hello."), lambda: False)
    ends = (1, 1, 8)
    monkeypatch.setattr(engine, "_pieces", lambda *_: iter([replace(piece, end=end) for end in ends]))
    told = [(chunk.text_end, chunk.piece_end, chunk.last) for chunk in chunks(speak_with(engine, request))]
    assert told == [(None, 1, False), (1, 1, False), (8, 8, True)]


def test_the_same_seed_gives_the_same_audio_alone_and_beside_others(engine: DemoEngine) -> None:
    alone = speak_with(engine, SpeechRequest("1", SENTENCE, seed=3))
    beside = speak_with(engine, SpeechRequest("1", SENTENCE, seed=3), SpeechRequest("2", "Something else entirely."))
    assert np.array_equal(samples_of(alone), samples_of(beside))


@pytest.mark.parametrize("text", ["...", " ", "\n", "!?", "— —"])
def test_what_cannot_be_pronounced_is_finished_without_audio(engine: DemoEngine, text: str) -> None:
    assert speak_with(engine, SpeechRequest("1", text)) == [Finished("1")]


def test_unpronounceable_parts_belong_to_their_neighbours(engine: DemoEngine) -> None:
    text = "... Hello there, my friend. ... !!! "
    spoken = chunks(speak_with(engine, SpeechRequest("1", text)))
    assert spoken[-1].text_end == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "[[ not phonemes ]]",
        "😀 hello",
        "日本語",
    ],
)
def test_odd_text_does_not_fail(engine: DemoEngine, text: str) -> None:
    assert speak_with(engine, SpeechRequest("1", text, speed=2.0))[-1] == Finished("1")


def test_a_null_does_not_swallow_the_text_behind_it(engine: DemoEngine) -> None:
    whole = samples_of(speak_with(engine, SpeechRequest("1", "Good morning. Good evening.", seed=1)))
    with_null = samples_of(speak_with(engine, SpeechRequest("1", "Good morning.\0Good evening.", seed=1)))
    assert len(with_null) > 0.8 * len(whole)


def test_markup_is_not_spoken(engine: DemoEngine) -> None:
    plain = samples_of(speak_with(engine, SpeechRequest("1", "This is  bold  text.", seed=1)))
    marked = samples_of(speak_with(engine, SpeechRequest("1", "This is *bold* text.", seed=1)))
    assert np.array_equal(plain, marked)


def test_cancelling_ends_within_one_step(engine: DemoEngine) -> None:
    events: queue.Queue[EngineEvent] = queue.Queue()
    engine.submit(SpeechRequest("1", SENTENCE * 30), events.put)
    first = events.get(timeout=60)
    engine.cancel("1")
    rest = collect(events, 1)
    assert isinstance(first, PcmChunk)
    assert len(rest) <= 2
    assert rest[-1] == Finished("1", cancelled=True)


def test_cancelling_what_is_unknown_or_over_does_nothing(engine: DemoEngine) -> None:
    speak_with(engine, SpeechRequest("1", "Hello."))
    engine.cancel("1")
    engine.cancel("no such request")
    assert speak_with(engine, SpeechRequest("1", "Hello."))[-1] == Finished("1")


def test_loudness_is_not_changed_from_chunk_to_chunk(engine: DemoEngine) -> None:
    quiet = samples_of(speak_with(engine, SpeechRequest("1", "Hm.", seed=1)))
    assert np.abs(quiet).max() < 0.95


# Text that was made to cost much


class Counted:
    """How much text an engine makes phonemes of, and how many phonemes it speaks at once."""

    def __init__(self, engine: DemoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.characters = 0
        self.phonemes: list[int] = []
        self.on_phonemize: Callable[[], None] = lambda: None
        voice = engine._voices.of("en")
        assert isinstance(voice, PiperVoice)
        model = voice._model
        self._phonemize, self._to_ids = model.phonemize, model.phonemes_to_ids
        monkeypatch.setattr(model, "phonemize", self.phonemize)
        monkeypatch.setattr(model, "phonemes_to_ids", self.to_ids)

    def phonemize(self, text: str) -> list[list[str]]:
        self.characters += len(text)
        self.on_phonemize()
        return self._phonemize(text)

    def to_ids(self, phonemes: list[str]) -> list[int]:
        self.phonemes.append(len(phonemes))
        return self._to_ids(phonemes)


@pytest.fixture
def counted(engine: DemoEngine, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(engine, monkeypatch)


# A letter for which espeak-ng has no sound, not even a name.
MUTE = "ꠀ"


@pytest.mark.parametrize("pattern", [MUTE, f"{MUTE} ", ". ", f"{MUTE}. ", "⿰"])
@pytest.mark.parametrize("word", ["", "Hello."])
def test_the_work_for_what_is_inaudible_grows_with_its_length(
    engine: DemoEngine, counted: Counted, pattern: str, word: str
) -> None:
    def cost(length: int) -> int:
        before = counted.characters
        speak_with(engine, SpeechRequest("1", (pattern * length)[:length] + word, seed=1))
        return counted.characters - before

    assert cost(4000) <= 2.2 * max(cost(2000), 600)


def test_inaudible_text_can_be_cancelled(engine: DemoEngine, counted: Counted) -> None:
    counted.on_phonemize = lambda: engine.cancel("1")
    assert speak_with(engine, SpeechRequest("1", MUTE * 24_000)) == [Finished("1", cancelled=True)]
    assert counted.characters <= MOST_PER_STEP


@pytest.mark.parametrize("text", ["x" * 500, "9" * 80, "100% " * 20, "word " * 60, SENTENCE * 3])
def test_what_cannot_be_interrupted_is_short(engine: DemoEngine, counted: Counted, text: str) -> None:
    spoken = chunks(speak_with(engine, SpeechRequest("1", text, seed=1, speed=2.0)))
    assert 0 < max(counted.phonemes) <= MOST_PHONEMES
    assert spoken[-1].text_end == spoken[-1].piece_end == len(text)
    assert [chunk.last for chunk in spoken] == [False] * (len(spoken) - 1) + [True]


def test_many_phonemes_can_be_cancelled_within_their_step(engine: DemoEngine) -> None:
    events: queue.Queue[EngineEvent] = queue.Queue()
    engine.submit(SpeechRequest("1", "ཀ" * MOST_PER_STEP), events.put)
    assert isinstance(events.get(timeout=60), PcmChunk)
    engine.cancel("1")
    rest = collect(events, 1)
    assert len(rest) <= 2
    assert rest[-1] == Finished("1", cancelled=True)


def test_a_text_whose_signs_would_be_spoken_for_minutes_is_refused(engine: DemoEngine) -> None:
    [event] = speak_with(engine, SpeechRequest("1", "½" * 500))
    assert isinstance(event, Failed)
    assert event.is_text
    assert "A text of 500 characters" in event.message
