"""The engine of a GPU says what the one says that waits for each step; and whatever ends an utterance, the others go on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.contract import (
    EngineEvent,
    Failed,
    Finished,
    PcmChunk,
    Prepared,
    Samples,
    SpeechRequest,
    VoiceRef,
)
from streaming.engine.gpu import decoder as decoder_module
from streaming.engine.gpu import vocoder as vocoder_module
from streaming.engine.gpu.engine import CapturedEngine
from streaming.engine.gpu.vocoder import Decoding, StoredDue
from streaming.engine.text.piece import Timing
from streaming.engine.utterance import Utterance
from streaming.engine.xtts_engine import XttsEngine
from tests.process.engine.gpu.engines import PREPARED, captured_engine, endless, small_weights, stepped_engine
from tests.process.engine.xtts import Events, audio, chunks, running, speak

CLOSE = 1e-4
# Fewer than the longest text has tokens.
MOST_ROWS = 32
Expected = Callable[[SpeechRequest], Events]
LONG = "a text of which only a part is read at a time, as it is longer than a call has rows"

pytestmark = pytest.mark.usefixtures("plain_kernels", "_one_thread")


@pytest.fixture(scope="module", autouse=True)
def _small_calls() -> Iterator[None]:
    """Few rows and few sizes: they take time here, however little of them is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_module, "MOST_ROWS", MOST_ROWS)
        patch.setattr(vocoder_module, "FRAMES", (8, 32))
        patch.setattr(vocoder_module, "WINDOWS", (1, 2, 4))
        yield


@pytest.fixture(scope="module")
def weights() -> SpeechWeights:
    return small_weights()


@pytest.fixture(scope="module")
def expected(weights: SpeechWeights) -> Iterator[Expected]:
    """What the engine says to a request that waits for each step, alone."""
    said: dict[SpeechRequest, Events] = {}
    with running(stepped_engine(weights)) as engine:

        def say(request: SpeechRequest) -> Events:
            request = replace(request, request_id="alone")
            if request not in said:
                (said[request],) = speak(engine, request)
            return said[request]

        yield say


@pytest.fixture
def engine(weights: SpeechWeights) -> CapturedEngine:
    """Not running yet, and with nothing recorded."""
    return captured_engine(weights)


def request(name: str = "a", text: str = "Hello there", voice: int = 1, **options: Any) -> SpeechRequest:
    return SpeechRequest(
        name, text, VoiceRef(speaker=f"Voice {voice}"), **{"seed": 1, "stream_chunk_size": 6, **options}
    )


def crowd() -> list[SpeechRequest]:
    """More than there are slots, all different."""
    return [
        request("a", seed=1),
        request("b", "Hi.", 2, seed=2, stream_chunk_size=1),
        request("c", "In two parts|of which one is short", 3, seed=3, speed=1.3),
        request("d", LONG[:20], 2, seed=4, stream_chunk_size=20, temperature=1.2, top_k=5),
        request("e", seed=5),
        request("f", "one|two|three|four", 1, seed=6, stream_chunk_size=3, top_p=0.5),
        request("g", "It is slow", 3, seed=7, speed=0.6),
    ]


class Rounds:
    """An engine that is led a round at a time, and what it has said."""

    def __init__(self, engine: CapturedEngine) -> None:
        self.engine = engine
        self.events: list[EngineEvent] = []

    def submit(self, *requests: SpeechRequest) -> None:
        for request in requests:
            self.engine.submit(request, self.events.append)

    @torch.inference_mode()
    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.engine._take_all()
            self.engine._run_round()

    @torch.inference_mode()
    def run_until(self, is_met: Callable[[], bool]) -> None:
        for _ in range(400):
            if is_met():
                return
            self.run(1)
        pytest.fail("Nothing came of it.")

    def run_to_the_end(self) -> None:
        self.run_until(lambda: self.engine._scheduler.is_idle and self.engine._inbox.empty())

    @torch.inference_mode()
    def cancel(self, name: str) -> None:
        self.engine.cancel(name)
        while not self.engine._inbox.empty():
            self.engine._inbox.get()()

    def of(self, name: str) -> Events:
        return [event for event in self.events if event.request_id == name]


@pytest.fixture(scope="module")
def led(weights: SpeechWeights, plain_kernels: None) -> CapturedEngine:
    """Led by `rounds` of one test after the other, which leave nothing in it but what was recorded."""
    return captured_engine(weights)


@pytest.fixture
def rounds(led: CapturedEngine) -> Iterator[Rounds]:
    rounds = Rounds(led)
    yield rounds
    for name in list(led._utterances):
        rounds.cancel(name)


def assert_same(events: Events, expected: Events) -> None:
    assert len(audio(events)) == len(audio(expected)) > 0
    assert np.abs(audio(events) - audio(expected)).max() < CLOSE
    assert ends(events) == ends(expected)


def ends(events: Events) -> list[tuple[int | None, int | None, bool]]:
    """Of the pieces of text."""
    return [(chunk.text_end, chunk.piece_end, chunk.last) for chunk in chunks(events) if chunk.text_end or chunk.last]


def assert_says_the_same(engine: XttsEngine, expected: Expected, *requests: SpeechRequest) -> None:
    for events, said in zip(speak(engine, *requests), requests, strict=True):
        assert_same(events, expected(said))


def assert_nothing_is_left(engine: CapturedEngine) -> None:
    assert engine._pieces == {}
    assert list(engine._decodes) == []
    assert not engine._model.decoder.is_reading
    assert engine._utterances == {}
    assert engine._scheduler.is_idle


def test_each_of_many_is_spoken_as_if_alone_and_waited_for(engine: CapturedEngine, expected: Expected) -> None:
    with running(engine):
        assert_says_the_same(engine, expected, *crowd())
        assert_says_the_same(engine, expected, crowd()[0])
    assert_nothing_is_left(engine)


def test_the_first_chunk_comes_as_early_as_from_the_other(rounds: Rounds, expected: Expected) -> None:
    said = request(text=LONG[:30])
    rounds.submit(said)
    rounds.run_to_the_end()
    ours, theirs = chunks(rounds.of("a"))[0], chunks(expected(said))[0]
    assert len(ours.samples) == len(theirs.samples)


@pytest.mark.parametrize("often", [3, 1000])
def test_chunks_that_are_a_while_on_their_way_change_no_sample(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    """They are asked for `often` times until they are there; at last they are waited for."""
    asked = count(1)
    monkeypatch.setattr(Decoding, "is_there", property(lambda _: next(asked) % often == 0))
    rounds.submit(*crowd())
    rounds.run_to_the_end()
    for said in crowd():
        assert_same(rounds.of(said.request_id), expected(said))
    assert_nothing_is_left(rounds.engine)


def test_one_that_was_warmed_up_says_the_same(engine: CapturedEngine, expected: Expected) -> None:
    engine.warm_up()
    assert_nothing_is_left(engine)
    recorded = len(engine._model.decoder._calls), len(engine._model.vocoder._calls)
    assert recorded == (6, 6)
    with running(engine):
        assert_says_the_same(engine, expected, *crowd()[:3])
        assert (len(engine._model.decoder._calls), len(engine._model.vocoder._calls)) == recorded


def test_a_voice_that_came_with_the_request_is_spoken(engine: CapturedEngine, expected: Expected) -> None:
    prepared = VoiceRef("key", conditioning=PREPARED.to_bytes())
    requests = [SpeechRequest(name, "Hi there", prepared, seed=seed) for seed, name in enumerate("ab")]
    with running(engine):
        assert_says_the_same(engine, expected, *requests)


# Cancelled


def assert_cancelled(rounds: Rounds, expected: Expected) -> None:
    """`cancelled` is, at once, and the slots are free for others, which it has not changed."""
    assert rounds.of("cancelled")[-1] == Finished("cancelled", cancelled=True)
    rounds.submit(*(request(f"next {number}", "Now me", number, seed=number) for number in (1, 2, 3)))
    rounds.run_to_the_end()
    assert rounds.of("cancelled")[-1] == Finished("cancelled", cancelled=True)
    for said in {event.request_id for event in rounds.events} - {"cancelled"}:
        voice = int(said[-1])
        text = "Now me" if said.startswith("next") else LONG[:20]
        assert_same(rounds.of(said), expected(request(said, text, voice, seed=voice)))
    assert_nothing_is_left(rounds.engine)


def test_cancelled_while_it_waits_for_a_slot(rounds: Rounds, expected: Expected) -> None:
    rounds.submit(*(request(f"before {voice}", LONG[:20], voice, seed=voice) for voice in (1, 2, 3)))
    rounds.submit(request("cancelled"))
    rounds.run(3)
    rounds.cancel("cancelled")
    assert rounds.of("cancelled") == [Finished("cancelled", cancelled=True)]
    assert_cancelled(rounds, expected)


def test_cancelled_while_its_text_is_read(rounds: Rounds, expected: Expected) -> None:
    rounds.submit(
        request("before 1", LONG[:20], 1), request("cancelled", LONG, 2), request("before 3", LONG[:20], 3, seed=3)
    )
    rounds.run(2)
    assert 1 in [reading.slot for reading in rounds.engine._model.decoder._readings]
    rounds.cancel("cancelled")
    assert 1 not in [reading.slot for reading in rounds.engine._model.decoder._readings]
    assert_cancelled(rounds, expected)


def test_cancelled_while_its_first_step_is_on_its_way(rounds: Rounds, expected: Expected) -> None:
    rounds.submit(request("cancelled", "Hi", 2))
    piece = rounds.engine._pieces
    rounds.run_until(lambda: bool(piece) and piece[0].steps == 1)
    rounds.cancel("cancelled")
    assert_cancelled(rounds, expected)


def test_cancelled_while_a_chunk_is_on_its_way(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds.submit(request("cancelled", LONG, 2), request("before 1", LONG[:20], 1))
    with monkeypatch.context() as patch:
        patch.setattr(Decoding, "is_there", False)
        rounds.run_until(lambda: bool(rounds.engine._decodes))
        rounds.cancel("cancelled")
        # Another takes its slot.
        rounds.submit(request("before 2", LONG[:20], 2, seed=2))
        rounds.run(3)
    assert_cancelled(rounds, expected)
    assert len(rounds.of("cancelled")) == 1


def test_a_name_may_be_used_again_while_what_it_named_is_on_its_way(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Decoding, "is_there", False)
        rounds.submit(request("a", LONG, 2))
        rounds.run_until(lambda: bool(rounds.engine._decodes))
        rounds.cancel("a")
        rounds.events.clear()
        rounds.submit(request("a", seed=9))
        rounds.run(3)
    rounds.run_to_the_end()
    assert_same(rounds.of("a"), expected(request("a", seed=9)))


# What fails


def test_what_is_not_a_number_ends_its_utterance_and_no_other(
    rounds: Rounds, expected: Expected, caplog: pytest.LogCaptureFixture
) -> None:
    others = [request("b", LONG[:20], 2, seed=2), request("c", LONG[:20], 3, seed=3)]
    rounds.submit(request("broken", LONG), *others)
    rounds.run_until(lambda: len(rounds.events) > 2)
    rounds.engine._model.decoder._layers._cache.values[:, 0] = torch.nan
    rounds.submit(request("a"))
    rounds.run_to_the_end()
    assert rounds.of("broken")[-1] == Failed("broken", "The model's result is not a number.")
    assert "overflowed in fp32" in caplog.text
    for said in (*others, request("a")):
        assert_same(rounds.of(said.request_id), expected(said))
    assert_nothing_is_left(rounds.engine)


@pytest.mark.parametrize("part", ["decoder.step", "decoder.begin", "vocoder.stream", "vocoder.start"])
def test_work_that_fails_ends_those_who_were_in_it_and_the_engine_goes_on(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no memory\nfor this")

    owner, _, name = part.partition(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(rounds.engine._model, owner), name, fail)
        rounds.submit(request("a"), request("b", LONG))
        rounds.run_until(lambda: len(rounds.events) == 2)
    assert rounds.events == [Failed(name, "RuntimeError: no memory") for name in "ab"]
    assert_nothing_is_left(rounds.engine)
    rounds.events.clear()
    rounds.submit(request("a"), request("b", LONG[:20]))
    rounds.run_to_the_end()
    for said in (request("a"), request("b", LONG[:20])):
        assert_same(rounds.of(said.request_id), expected(said))


def test_a_decode_that_fails_leaves_alone_those_who_were_not_in_it(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = rounds.engine._model.vocoder.start

    def fail(due: Any) -> Any:
        if any(one.stream.slot == 0 for one in due):
            raise RuntimeError("no memory")
        return start(due)

    monkeypatch.setattr(rounds.engine._model.vocoder, "start", fail)
    rounds.submit(request("a"))
    rounds.run(2)
    rounds.submit(request("b", LONG[:20], 2))
    rounds.run_until(lambda: bool(rounds.of("a")))
    monkeypatch.undo()
    rounds.run_to_the_end()
    assert rounds.of("a") == [Failed("a", "RuntimeError: no memory")]
    assert_same(rounds.of("b"), expected(request("b", LONG[:20], 2)))


def test_a_chunk_that_cannot_be_handed_out_ends_its_speech_and_the_engine_goes_on(
    rounds: Rounds, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(Utterance, "deliver", fail)
        rounds.submit(request("a"))
        rounds.run_to_the_end()
    assert rounds.of("a") == [Failed("a", "RuntimeError: no memory")]
    rounds.submit(request("b", LONG[:20], 2))
    rounds.run_to_the_end()
    assert_same(rounds.of("b"), expected(request("b", LONG[:20], 2)))


@pytest.mark.parametrize("part", ["decoder.step", "decoder.begin", "vocoder.start"])
def test_a_gpu_that_has_failed_ends_the_engine_and_nobody_is_told_anything_else(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The server tells them, when the process is gone."""

    def lost(*_: Any, **__: Any) -> Any:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    owner, _, name = part.partition(".")
    monkeypatch.setattr(getattr(rounds.engine._model, owner), name, lost)
    rounds.submit(request("a"), request("b"))
    with pytest.raises(torch.AcceleratorError):
        rounds.run_to_the_end()
    assert rounds.events == []


# Tails, and voices


class Ready:
    """Samples that are there."""

    is_there = True

    def __init__(self, samples: list[Samples]) -> None:
        self._samples = samples

    def read(self) -> list[Samples]:
        return self._samples


def speaking(pattern: Samples) -> Callable[[list[StoredDue]], Ready]:
    """A vocoder that says the same for every piece of text, over and over, four latents' worth a chunk."""
    said: dict[int, tuple[Any, int]] = {}

    def start(due: list[StoredDue]) -> Ready:
        samples = []
        for stream, _, _ in due:
            _, begun = said.get(id(stream), (stream, 0))
            said[id(stream)] = stream, begun + 4458
            samples.append(np.take(pattern, np.arange(begun, begun + 4458), mode="wrap"))
        return Ready(samples)

    return start


def test_a_piece_that_goes_on_after_its_text_ends_at_the_pause_and_the_next_begins(
    weights: SpeechWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model never stops; the vocoder's sound has a pause after 0.6 s, when the text is over."""
    time = np.arange(14_400) / 24_000
    tone = np.sin(2 * np.pi * 200 * time) * np.sin(np.pi * time / 0.3) ** 2
    pattern = np.concatenate([tone, np.zeros(12_000)]).astype(np.float32)
    engine = captured_engine(endless(weights), Timing(earliest=0.4, latest=1.0, pauses=0, syllables=1))
    monkeypatch.setattr(engine._model.vocoder, "start", speaking(pattern))
    rounds = Rounds(engine)
    # Without that it could go on for 56 steps, 2.6 s.
    text = "x" * 32
    rounds.submit(request("a", f"{text}|{text}", stream_chunk_size=4), request("b", text, stream_chunk_size=4))
    rounds.run_to_the_end()
    assert 0.6 < len(audio(rounds.of("b"))) / 24_000 < 0.8
    assert len(audio(rounds.of("a"))) == 2 * len(audio(rounds.of("b")))
    assert ends(rounds.of("a")) == [(33, 33, False), (65, 65, True)]
    assert_nothing_is_left(engine)


def test_a_voice_is_prepared_while_nobody_speaks(rounds: Rounds) -> None:
    rounds.engine.prepare("voice", VoiceRef("key", (b"a recording",)), rounds.events.append)
    rounds.run(6)
    assert rounds.events == [Prepared("voice", PREPARED.to_bytes())]


def test_a_voice_is_prepared_while_somebody_speaks_and_changes_nothing(rounds: Rounds, expected: Expected) -> None:
    said = request("a", "|".join([LONG[:20]] * 3))
    rounds.submit(said)
    rounds.run(3)
    rounds.engine.prepare("voice", VoiceRef("key", (b"a recording",)), rounds.events.append)
    rounds.run_until(lambda: bool(rounds.of("voice")))
    assert rounds.of("voice") == [Prepared("voice", PREPARED.to_bytes())]
    assert not rounds.engine._scheduler.is_idle
    rounds.run_to_the_end()
    assert_same(rounds.of("a"), expected(said))


def test_stopping_ends_what_is_spoken_and_releases_what_was_recorded(engine: CapturedEngine) -> None:
    events: list[EngineEvent] = []

    def hear(event: EngineEvent) -> None:
        events.append(event)
        engine.stop()

    for name in "abcd":
        engine.submit(request(name, LONG), hear)
    engine.run()
    ended = [event for event in events if not isinstance(event, PcmChunk)]
    assert ended == [Finished(name, cancelled=True) for name in "abcd"]
    assert engine._model.decoder._calls == {}
    assert engine._model.vocoder._calls == {}
