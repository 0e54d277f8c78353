import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.conditioning import Conditioning
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
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.vocoder.vocoder import Due, VocoderStream
from tests.process.engine.xtts import (
    HELLO,
    SLOTS,
    VERY_LONG,
    Listener,
    audio,
    chunks,
    crowd,
    on_a_cpu,
    request,
    running,
    speak,
    with_stop_bias,
    xtts,
)
from tests.pure.voices.recordings import recording


@pytest.fixture(scope="module")
def hasty_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ends each piece of text after some tokens."""
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "hasty", 9.0)


@pytest.fixture(scope="module")
def int8(hasty_checkpoint: Path) -> Iterator[SteppedEngine]:
    with xtts(hasty_checkpoint, precision="int8", slots=SLOTS, threads=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def endless_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Never ends by itself."""
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "endless", -100.0)


def test_each_of_many_is_spoken_as_if_alone(int8: SteppedEngine) -> None:
    together = speak(int8, *crowd())
    for events, alone in zip(together, crowd(), strict=True):
        assert np.array_equal(audio(events), audio(*speak(int8, alone)))


def test_a_seed_says_the_same_again_and_another_something_else(int8: SteppedEngine) -> None:
    (first,), (again,), (other,) = (speak(int8, request(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(audio(first), audio(again))
    assert not np.array_equal(audio(first)[:1000], audio(other)[:1000])


def test_its_steps_are_counted_with_how_long_they_took(int8: SteppedEngine) -> None:
    before = int8.step_times.totals
    speak(int8, request())
    after = int8.step_times.totals
    assert sum(after.counts) > sum(before.counts) + 5
    assert after.sum > before.sum


def test_speed_shortens_speech(int8: SteppedEngine) -> None:
    (usual,), (fast,), (slow,) = (speak(int8, request(speed=speed)) for speed in (1.0, 2.0, 0.5))
    assert len(audio(fast)) == pytest.approx(len(audio(usual)) / 2, abs=1024)
    assert len(audio(slow)) == pytest.approx(len(audio(usual)) * 2, abs=2048)


def test_a_cancelled_speech_ends_and_gives_its_slot_back(int8: SteppedEngine) -> None:
    listener = Listener()
    names = [f"long {number}" for number in range(SLOTS + 2)]
    for name in names:
        int8.submit(request(name, VERY_LONG), listener.hear)
    for name in names:
        assert isinstance(listener.first(name), PcmChunk)
        int8.cancel(name)
        assert listener.of(name)[-1] == Finished(name, cancelled=True)
    assert len(audio(*speak(int8, request()))) > 0


def test_a_speech_that_waits_can_be_cancelled(int8: SteppedEngine) -> None:
    listener = Listener()
    names = [f"long {number}" for number in range(SLOTS)]
    for name in (*names, "waiting"):
        int8.submit(request(name, VERY_LONG), listener.hear)
    int8.cancel("waiting")
    assert listener.of("waiting") == [Finished("waiting", cancelled=True)]
    for name in names:
        int8.cancel(name)
        assert listener.of(name)[-1] == Finished(name, cancelled=True)


def test_cancelling_what_is_unknown_or_over_changes_nothing(int8: SteppedEngine) -> None:
    int8.cancel("never seen")
    (events,) = speak(int8, request("over"))
    int8.cancel("over")
    (again,) = speak(int8, request("over"))
    assert np.array_equal(audio(events), audio(again))


WRONG_WIDTH = Conditioning(torch.ones(32, 1024), torch.ones(512)).to_bytes()
TOO_LONG = Conditioning(torch.ones(60_000, 64), torch.ones(512)).to_bytes()
REFUSED = {
    "language": (request(language="tlh"), "does not speak the language 'tlh'"),
    "voice": (request(voice=VoiceRef(speaker="Nobody")), "'Nobody' has no recordings"),
    "rubbish": (request(voice=VoiceRef(conditioning=b"rubbish")), "not the stored conditioning"),
    "damaged": (request(voice=VoiceRef(conditioning=WRONG_WIDTH[:-4] + b"\xff" * 4)), "damaged"),
    "of another model": (request(voice=VoiceRef(conditioning=WRONG_WIDTH)), "another model"),
    "too long": (request(voice=VoiceRef(conditioning=TOO_LONG)), "another model"),
    "seed": (request(seed=2**70), "64 bits"),
}


@pytest.mark.parametrize(("refused", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_spoken_fails_and_the_engine_goes_on(
    int8: SteppedEngine, refused: SpeechRequest, told: str
) -> None:
    refused = replace(refused, request_id="refused")
    (failed,), other = speak(int8, refused, request("other"))
    assert isinstance(failed, Failed)
    assert told in failed.message
    assert failed.message
    assert "\n" not in failed.message
    assert len(audio(other)) > 0


@pytest.mark.parametrize("text", ["", "   ", "...", "!?", "\u200b"])
def test_a_text_that_says_nothing_is_finished_at_once(int8: SteppedEngine, text: str) -> None:
    assert speak(int8, request("silent", text)) == [[Finished("silent")]]


def test_a_voice_is_found_in_any_case(int8: SteppedEngine) -> None:
    (events,), (lower,) = (speak(int8, request(voice=VoiceRef(speaker=name))) for name in ("Mira Holm", "mira holm"))
    assert np.array_equal(audio(events), audio(lower))


def test_a_long_text_is_spoken_piece_by_piece_to_its_end(int8: SteppedEngine) -> None:
    text = " ".join([HELLO] * 40) + "  "
    (events,) = speak(int8, request(text=text))
    spoken = chunks(events)
    ends = [chunk.text_end for chunk in spoken if chunk.text_end is not None]
    assert len(ends) > 2
    assert ends == sorted(set(ends))
    # A chunk says which piece it speaks, and the piece's last one that it is over.
    assert list(dict.fromkeys(chunk.piece_end for chunk in spoken)) == ends
    assert [chunk for chunk in spoken if chunk.text_end not in (None, chunk.piece_end)] == []
    assert spoken[-1].text_end == len(text)
    assert [chunk.last for chunk in spoken] == [False] * (len(spoken) - 1) + [True]


def test_a_speech_has_one_last_chunk(int8: SteppedEngine) -> None:
    for size in (1, 4, 10, 1000):
        (events,) = speak(int8, request(stream_chunk_size=size))
        spoken = chunks(events)
        assert [chunk.last for chunk in spoken] == [False] * (len(spoken) - 1) + [True]
        assert spoken[-1].text_end == len(HELLO)
        assert all(chunk.samples.dtype == np.float32 for chunk in spoken)
        assert np.abs(audio(events)).max() <= 1.0


def test_a_step_that_fails_ends_only_those_who_were_in_it(
    int8: SteppedEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gpt = int8._model.gpt
    step, fails = gpt.step, iter([True])

    def fail_once(*arguments: Any) -> Any:
        if next(fails, False):
            raise RuntimeError("no memory\nfor this")
        return step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(gpt, "step", fail_once)
        (failed,) = speak(int8, request("unlucky"))
    assert failed == [Failed("unlucky", "RuntimeError: no memory")]
    assert "A step failed for 1 utterances" in caplog.text
    for events in speak(int8, *crowd()):
        assert len(audio(events)) > 0


def test_a_decode_that_fails_ends_the_speech_and_the_engine_goes_on(
    int8: SteppedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(int8._model.vocoder, "decode_many", fail)
        (failed,) = speak(int8, request("unlucky"))
    assert failed == [Failed("unlucky", "RuntimeError: no memory")]
    assert len(audio(*speak(int8, request()))) > 0


def prepared(engine: SteppedEngine, *clips: bytes) -> Prepared | Failed:
    listener = Listener()
    engine.prepare("prepare", VoiceRef("key", clips), listener.hear)
    (event,) = listener.of("prepare")
    assert isinstance(event, Prepared | Failed)
    return event


def test_a_voice_is_prepared_from_recordings_and_speaks(int8: SteppedEngine) -> None:
    voices = [prepared(int8, recording(2.0, pitch=pitch), recording(1.5, pitch=pitch)) for pitch in (110.0, 220.0)]
    speech = []
    for voice in voices:
        assert isinstance(voice, Prepared)
        (events,) = speak(int8, request(text="Hi.", voice=VoiceRef("key", conditioning=voice.conditioning)))
        speech.append(audio(events))
    assert not np.array_equal(speech[0][:1000], speech[1][:1000])


def test_a_voice_is_prepared_while_somebody_speaks(int8: SteppedEngine) -> None:
    listener = Listener()
    int8.submit(request("long", VERY_LONG), listener.hear)
    assert isinstance(listener.first("long"), PcmChunk)
    assert isinstance(prepared(int8, recording()), Prepared)
    int8.cancel("long")
    assert listener.of("long")[-1] == Finished("long", cancelled=True)


@pytest.mark.parametrize("clips", [[b"rubbish"], [], [recording(0.1)]], ids=["rubbish", "none", "short"])
def test_recordings_that_hold_no_voice_are_refused_with_a_sentence(int8: SteppedEngine, clips: list[bytes]) -> None:
    answer = prepared(int8, *clips)
    assert isinstance(answer, Failed)
    assert answer.message.endswith(".")
    assert isinstance(prepared(int8, recording()), Prepared)


def lost(*_: Any) -> Any:
    """A GPU that has failed: so does everything after it."""
    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nTry again.")


@pytest.fixture
def doomed(endless_checkpoint: Path) -> Iterator[SteppedEngine]:
    """An engine that is not running yet."""
    threads = torch.get_num_threads()
    engine = on_a_cpu(endless_checkpoint, precision="int8", slots=2, threads=1)
    yield engine
    engine._model.stop()
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "part", ["gpt.step", "gpt.begin", "gpt.advance", "vocoder.decode_many", "conditioner.compute_steps"]
)
def test_a_gpu_that_has_failed_ends_the_engine_and_nobody_is_told_anything_else(
    doomed: SteppedEngine, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The server tells them, once, when the process is gone: a slot that was free again would be taken."""
    owner, _, name = part.partition(".")
    failing = (lambda *_: (lost() for _ in range(1))) if name == "compute_steps" else lost
    monkeypatch.setattr(getattr(doomed._model, owner), name, failing)
    events: list[EngineEvent] = []

    def hear(event: EngineEvent) -> None:
        events.append(event)
        if not isinstance(event, PcmChunk):
            doomed.stop()

    for request_id in ("a", "b", "waiting"):
        doomed.submit(request(request_id), hear)
    doomed.prepare("voice", VoiceRef("key", (recording(),)), hear)
    with pytest.raises(torch.AcceleratorError):
        doomed.run()
    assert [event for event in events if not isinstance(event, PcmChunk)] == []


def test_a_request_that_cannot_be_added_ends_alone(
    int8: SteppedEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pieces = int8._model.front_end.pieces

    def fail_once(text: str, language: str, **options: Any) -> Any:
        if text == "unlucky":
            raise MemoryError("no room\nfor it")
        return pieces(text, language, **options)

    with monkeypatch.context() as patched:
        patched.setattr(int8._model.front_end, "pieces", fail_once)
        (failed,), other = speak(int8, request("unlucky", "unlucky"), request("other"))
    assert failed == Failed("unlucky", "MemoryError: no room")
    assert "A request cannot be spoken" in caplog.text
    assert len(audio(other)) > 0


def test_a_voice_that_cannot_be_prepared_ends_alone(
    int8: SteppedEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory\nfor this")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(int8._model.conditioner, "compute_steps", fail)
        assert prepared(int8, recording()) == Failed("prepare", "RuntimeError: no memory")
    assert "A voice cannot be prepared" in caplog.text
    assert isinstance(prepared(int8, recording()), Prepared)


def test_an_endless_speech_is_ended(
    endless_checkpoint: Path, caplog: pytest.LogCaptureFixture, tiny_parts: XttsParts
) -> None:
    with xtts(endless_checkpoint, precision="int8", slots=1, threads=1) as engine:
        (events,) = speak(engine, request(text="Hi.", stream_chunk_size=50))
    assert 1.5 < len(audio(events)) / 24_000 < 2.5
    assert "The speech for a text of 3 characters was ended after" in caplog.text


def speaking(pattern: Samples) -> Callable[[Sequence[Due]], list[Samples]]:
    """A vocoder that says the same for every piece of text, over and over."""
    said: dict[VocoderStream, int] = {}  # keeps them: a new one must not look like one that is gone

    def decode(due: Sequence[Due]) -> list[Samples]:
        chunks = []
        for chunk in due:
            start = said.get(chunk.stream, 0)
            said[chunk.stream] = start + 11_145
            chunks.append(np.take(pattern, np.arange(start, start + 11_145), mode="wrap"))
        return chunks

    return decode


def test_speech_that_goes_on_after_its_text_ends_at_the_pause_and_the_next_piece_begins(
    endless_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The model never stops; the vocoder's sound has a pause after 0.6 s, which is when "Hi." must be over."""
    time = np.arange(14_400) / 24_000
    tone = np.sin(2 * np.pi * 200 * time) * np.sin(np.pi * time / 0.3) ** 2
    pattern = np.concatenate([tone, np.zeros(12_000)]).astype(np.float32)
    caplog.set_level(logging.INFO, "streaming.engine.xtts")
    with xtts(endless_checkpoint, precision="int8", slots=1, threads=1) as engine:
        monkeypatch.setattr(engine._model.vocoder, "decode_many", speaking(pattern))
        (events,), (again,) = speak(engine, request("a", "Hi.")), speak(engine, request("b", "Hi."))
        monkeypatch.undo()
    assert 0.6 < len(audio(events)) / 24_000 < 0.8
    assert np.array_equal(audio(events), audio(again))
    assert chunks(events)[-1].last
    assert chunks(events)[-1].text_end == 3
    assert "went on, and was ended at a pause" in caplog.text


def test_so_it_does_not_where_the_settings_forbid_it(endless_checkpoint: Path) -> None:
    tails = {"end_at_pause": False, "slowest_rate": 0.2}
    with xtts(endless_checkpoint, precision="int8", slots=1, threads=1, tails=tails) as engine:
        (events,) = speak(engine, request(text="Hi.", stream_chunk_size=50))
    assert 2.3 < len(audio(events)) / 24_000 < 3.0


def test_stopping_ends_what_is_spoken_and_all_threads(endless_checkpoint: Path) -> None:
    before, listener = set(threading.enumerate()), Listener()
    with xtts(endless_checkpoint, precision="int8", slots=1, threads=2) as engine:
        helpers = set(threading.enumerate()) - before
        engine.submit(request("speaking", VERY_LONG), listener.hear)
        engine.submit(request("waiting", VERY_LONG), listener.hear)
        assert isinstance(listener.first("speaking"), PcmChunk)
    assert listener.of("speaking")[-1] == Finished("speaking", cancelled=True)
    assert listener.of("waiting") == [Finished("waiting", cancelled=True)]
    for helper in helpers:
        helper.join(10)
    assert not any(helper.is_alive() for helper in helpers)


def test_an_id_that_is_taken_is_refused(int8: SteppedEngine) -> None:
    listener = Listener()
    int8.submit(request("twin", VERY_LONG), listener.hear)
    int8.submit(request("twin", "Another text."), listener.hear)
    assert Failed("twin", "A request with this id already exists.") in listener.of("twin")
    int8.cancel("twin")
    (events,) = speak(int8, request("later"))
    assert len(audio(events)) > 0


def test_stopping_answers_a_preparation_that_waits(tiny_checkpoint: Path) -> None:
    listener = Listener()
    engine = on_a_cpu(tiny_checkpoint, precision="int8", slots=1, threads=1)
    engine.prepare("voice", VoiceRef("anna", (recording(),)), listener.hear)
    engine.stop()
    engine.run()
    assert isinstance(listener.of("voice")[-1], Failed)


def test_warming_up_leaves_nothing_behind(int8: SteppedEngine, hasty_checkpoint: Path) -> None:
    engine = on_a_cpu(hasty_checkpoint, precision="int8", slots=1, threads=1)
    engine.warm_up()
    with running(engine):
        (events,), (again,) = speak(engine, request()), speak(int8, request())
    assert np.array_equal(audio(events), audio(again))


def test_it_says_what_it_is(int8: SteppedEngine, tiny_parts: XttsParts) -> None:
    info = int8.info
    assert (info.name, info.sample_rate, info.clones) == ("xtts", 24_000, True)
    assert {"en", "de", "zh"} <= set(info.languages)
    assert "non-commercial" in info.notice
    assert info.fingerprint == tiny_parts.fingerprint
