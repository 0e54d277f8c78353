"""Texts that are read while they still arrive. The engine's rounds are run by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.engine.contract import EngineEvent, Failed, Finished, Samples, SpeechRequest, VoiceRef
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.xtts_loading import load_engine
from tests.process.engine.xtts import HELLO, MIRA, TOMAS, audio, request, with_stop_bias

SLOTS = 3
TEXT = "The train to the coast leaves at seven, and nobody has seen the tickets. Who has them?"
WORDS = TEXT.split(" ")


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "hasty", 9.0)


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Iterator[SteppedEngine]:
    """Warm, and not running."""
    threads = torch.get_num_threads()
    engine = load_engine(str(checkpoint), device="cpu", precision="int8", slots=SLOTS, threads=1)
    assert isinstance(engine, SteppedEngine)
    engine.warm_up()
    yield engine
    engine._model.stop()
    torch.set_num_threads(threads)


class Rounds:
    """The engine's thread, step by step."""

    def __init__(self, engine: SteppedEngine) -> None:
        self.engine = engine
        self.events: dict[str, list[EngineEvent]] = {}
        self.rows = 0
        self._forward = engine._model.gpt._transformer.forward

    def hear(self, event: EngineEvent) -> None:
        self.events.setdefault(event.request_id, []).append(event)

    def take_in(self) -> None:
        while not self.engine._inbox.empty():
            self.engine._inbox.get()()

    @torch.inference_mode()
    def run(self, count: int) -> None:
        self.take_in()
        for _ in range(count):
            self.engine._run_round()

    @torch.inference_mode()
    def idle(self) -> None:
        """Until the engine would wait for something to arrive."""
        self.take_in()
        while self.engine._expectations.has_work or not self.engine._scheduler.is_idle:
            self.engine._run_round()

    def speak(self, request: SpeechRequest) -> Samples:
        self.events.pop(request.request_id, None)
        self.engine.submit(request, self.hear)
        self.idle()
        return audio(self.events[request.request_id])

    def type(self, request: SpeechRequest, *texts: str) -> None:
        """The text arrives in these states, each of which the engine has time for."""
        first, *longer = texts
        self.engine.expect(replace(request, text=first))
        self.idle()
        for text in longer:
            self.engine.expect_text(request.request_id, text)
            self.idle()

    @property
    def held(self) -> list[str]:
        """Who holds a slot without speaking."""
        return [held.request_id for held in self.engine._scheduler._held.values()]


@pytest.fixture
def rounds(engine: SteppedEngine) -> Iterator[Rounds]:
    rounds = Rounds(engine)
    yield rounds
    rounds.take_in()
    engine._expectations.drop_all()
    rounds.idle()
    assert len(engine._scheduler._free) == SLOTS


def prefixes(words: list[str]) -> list[str]:
    return [" ".join(words[:count]) + " " for count in range(1, len(words))]


class Counted:
    """The rows of every call of the transformer."""

    def __init__(self, engine: SteppedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        transformer = engine._model.gpt._transformer
        self.rows: list[int] = []
        forward = transformer.forward

        def counted(hidden: Any, *rest: Any) -> Any:
            self.rows.append(len(hidden))
            return forward(hidden, *rest)

        monkeypatch.setattr(transformer, "forward", counted)


def test_a_text_that_arrives_word_by_word_is_spoken_like_one_that_comes_at_once(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = rounds.speak(request("whole", TEXT))
    counted = Counted(rounds.engine, monkeypatch)
    rounds.speak(request("again", TEXT))
    at_once = counted.rows[0]
    rounds.type(request("typed"), *prefixes(WORDS))
    counted.rows.clear()
    assert np.array_equal(rounds.speak(request("typed", TEXT)), wanted)
    # What was left: the last words, the ends of text, the start of audio.
    assert counted.rows[0] < at_once / 3


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_whatever_was_expected_before_the_text_is_spoken_as_it_is(engine: SteppedEngine, data: st.DataObject) -> None:
    """Texts grow, shrink, or turn into others; some are read in part only, beside others that speak."""
    rounds = Rounds(engine)
    final = data.draw(st.sampled_from([TEXT, HELLO, "Hi.", "On May 5, at 7 o'clock, *all* of us came. " * 3]))
    wanted = rounds.speak(request("wanted", final))
    if data.draw(st.booleans()):
        engine.submit(request("other", HELLO, TOMAS), rounds.hear)
    engine.expect(request("typed", data.draw(st.sampled_from(["", final[:20], TEXT, HELLO * 3]))))
    for _ in range(data.draw(st.integers(0, 4))):
        rounds.run(data.draw(st.integers(0, 5)))
        source = data.draw(st.sampled_from([final, TEXT, HELLO]))
        engine.expect_text("typed", source[: data.draw(st.integers(0, len(source)))])
    assert np.array_equal(rounds.speak(request("typed", final)), wanted)
    assert rounds.held == []


def test_another_voice_than_the_expected_one_speaks_with_its_own(rounds: Rounds) -> None:
    wanted = rounds.speak(request("wanted", TEXT, TOMAS))
    rounds.type(request("typed", voice=MIRA), *prefixes(WORDS))
    assert np.array_equal(rounds.speak(request("typed", TEXT, TOMAS)), wanted)
    assert rounds.held == []


def test_what_is_expected_leaves_its_slot_to_who_speaks(rounds: Rounds) -> None:
    for number in range(SLOTS):
        rounds.type(request(f"typed {number}"), TEXT)
    assert sorted(rounds.held) == [f"typed {number}" for number in range(SLOTS)]
    rounds.engine.submit(request("speaker", TEXT), rounds.hear)
    rounds.run(1)
    assert rounds.engine._utterances["speaker"].steps > 0
    # The one that was not heard of for the longest time went.
    assert sorted(rounds.held) == ["typed 1", "typed 2"]
    # It reads again when there is room, and is spoken as if nothing had been.
    rounds.idle()
    assert sorted(rounds.held) == [f"typed {number}" for number in range(SLOTS)]
    assert np.array_equal(rounds.speak(request("typed 0", TEXT)), audio(rounds.events["speaker"]))


def test_no_more_is_expected_than_there_are_slots(rounds: Rounds) -> None:
    for number in range(3 * SLOTS):
        rounds.engine.expect(request(f"typed {number}", TEXT))
    rounds.idle()
    assert sorted(rounds.held) == [f"typed {number}" for number in range(2 * SLOTS, 3 * SLOTS)]


def test_nothing_is_read_ahead_while_a_listener_is_about_to_run_dry(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds.engine.submit(request("speaker", TEXT * 2), rounds.hear)
    rounds.run(2)
    speaker = rounds.engine._utterances["speaker"].scheduled
    speaker.produced_seconds = -1e6
    counted = Counted(rounds.engine, monkeypatch)
    rounds.engine.expect(request("typed", TEXT))
    rounds.run(3)
    assert counted.rows == [1, 1, 1]
    # With a lead, a part of it goes with a step.
    speaker.produced_seconds = 1e6
    rounds.run(1)
    assert counted.rows[3:] == [1 + (rounds.engine._model.gpt.rows_beside_a_step or 0)]
    rounds.engine.cancel("speaker")


def test_a_cancelled_expectation_gives_its_slot_back(rounds: Rounds) -> None:
    rounds.type(request("typed"), TEXT)
    rounds.engine.cancel("typed")
    rounds.idle()
    assert rounds.held == []
    assert rounds.events == {}


def test_a_text_that_says_nothing_leaves_nothing_behind(rounds: Rounds) -> None:
    rounds.type(request("typed"), "Well ")
    rounds.engine.submit(request("typed", "..."), rounds.hear)
    rounds.idle()
    assert rounds.events == {"typed": [Finished("typed")]}
    assert rounds.held == []


UNSPEAKABLE = {
    "voice": request("typed", voice=VoiceRef(speaker="Nobody")),
    "rubbish": request("typed", voice=VoiceRef(conditioning=b"rubbish")),
    "language": request("typed", language="tlh"),
}


@pytest.mark.parametrize("unspeakable", UNSPEAKABLE.values(), ids=UNSPEAKABLE)
def test_what_cannot_be_spoken_is_refused_when_it_is_to_be_spoken(rounds: Rounds, unspeakable: SpeechRequest) -> None:
    rounds.type(unspeakable, TEXT, TEXT)
    assert rounds.held == []
    assert rounds.events == {}
    rounds.engine.submit(unspeakable, rounds.hear)
    rounds.idle()
    (event,) = rounds.events["typed"]
    assert isinstance(event, Failed)


def test_a_failure_while_reading_ahead_ends_nobodys_speech(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(rounds.engine._model.gpt, "advance", fail)
        rounds.engine.expect(request("typed", TEXT))
        rounds.idle()
    assert "What is expected could not be read" in caplog.text
    assert rounds.held == []
    assert len(rounds.speak(request("typed", TEXT))) > 0


def test_unknown_ids_do_nothing(rounds: Rounds) -> None:
    rounds.engine.expect_text("nobody", TEXT)
    rounds.idle()
    assert rounds.held == []


def test_the_engine_says_that_it_reads_ahead(engine: SteppedEngine) -> None:
    assert engine.info.reads_ahead
