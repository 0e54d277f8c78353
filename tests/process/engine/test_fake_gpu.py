"""The engine on GPUs that are not there: every tensor where it belongs, and nothing waits unasked."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from streaming.engine.checkpoint.random_weights import Size, random_speech_weights
from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk, SpeechRequest, VoiceRef
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.piece import TextPiece
from streaming.engine.vocoder.vocoder import Due
from streaming.engine.xtts_model import Compute, ComputeOptions, Model, assemble
from tests.process.engine.fake_gpu import FREE_BYTES, TOKEN, Watch, two_gpus

AUDIO_TOKENS = 16


class OnePiece:
    """A text of 60 tokens, whatever it is."""

    def pieces(self, text: str, language: str, *, apply_text_normalization: bool = True) -> Iterator[TextPiece]:
        return iter([TextPiece([7] * 60, len(text), AUDIO_TOKENS)])

    def settled_tokens(self, text: str, language: str, *, apply_text_normalization: bool = True) -> list[int]:
        return [7] * min(60, len(text))

    def warm_up(self) -> None:
        pass


class NoVoices:
    def compute_steps(self, clips: Any) -> Any:
        raise ValueError("There are no recordings here.")


def make_model(size: Size = "full", **options: Any) -> Model:
    """Without kernels of our own, which only a true GPU runs."""
    compute = Compute.begin(ComputeOptions(**options, compiled_kernels=False))
    weights = random_speech_weights(size)
    model = assemble(weights, compute, front_end=OnePiece(), conditioner=NoVoices(), fingerprint="random")
    assert isinstance(model, Model)
    return model


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    threads = torch.get_num_threads()
    with two_gpus(monkeypatch) as watch:
        yield watch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("name", "index"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_name_is_one_gpus(watch: Watch, name: str, index: int) -> None:
    assert Compute.begin(ComputeOptions(device=name)).device == torch.device("cuda", index)


def test_an_engine_speaks_on_the_gpu_that_was_named_and_on_no_other(watch: Watch) -> None:
    """Not the first one: that is where a tensor is that was sent nowhere."""
    engine = SteppedEngine(make_model("tiny", device="cuda:1", slots=4))
    # Another thread would begin with the first GPU.
    watch.current = torch.device("cuda", 0)
    engine.warm_up()
    events: list[EngineEvent] = []

    def hear(event: EngineEvent) -> None:
        events.append(event)
        if sum(isinstance(event, Finished | Failed) for event in events) == 2:
            engine.stop()

    engine.submit(SpeechRequest("a", "Hello.", VoiceRef(speaker="Voice 1"), speed=1.3, seed=3), hear)
    engine.submit(SpeechRequest("b", "Hello.", VoiceRef(speaker="Voice 2")), hear)
    watch.current = torch.device("cuda", 0)
    engine.run()
    assert watch.current == torch.device("cuda", 1)
    assert [event for event in events if not isinstance(event, PcmChunk)] == [Finished("a"), Finished("b")]
    assert sum(len(event.samples) for event in events if isinstance(event, PcmChunk)) > AUDIO_TOKENS * 1024


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_step_waits_for_its_tokens_and_for_nothing_else(watch: Watch, precision: str) -> None:
    model = make_model("tiny", device="cuda:1", precision=precision, slots=4)
    conditioning = torch.zeros(32, 64)
    with torch.no_grad():
        for slot in (0, 2):
            model.sampler.begin(slot, [1])
            model.gpt.prefill(slot, [7] * 60, conditioning, "voice")
        watch.forget()
        _, logits = model.gpt.step([0, 2], torch.tensor([TOKEN, TOKEN]).to("cuda:1", non_blocking=True), [1, 1])
        tokens = model.sampler.sample_slots(logits, [0, 2])
        assert watch.waits == []
        tokens.tolist()
    assert watch.waits == ["read"]


def test_a_prefill_waits_for_nothing(watch: Watch) -> None:
    model = make_model("tiny", device="cuda:1", slots=2)
    with torch.no_grad():
        watch.forget()
        model.gpt.prefill(0, [7] * 60, torch.zeros(32, 64), "voice")
    assert watch.launches
    assert watch.waits == []


def test_a_decode_waits_for_its_samples_and_for_nothing_else(watch: Watch) -> None:
    model = make_model("tiny", device="cuda:1", slots=2)
    streams = [model.vocoder.stream(torch.zeros(512), speed) for speed in (1.0, 1.0, 1.3)]
    for stream in streams:
        stream.push(torch.zeros(20, 64, device="cuda:1"))
    watch.forget()
    model.vocoder.decode_many([Due(stream) for stream in streams])
    # Two shapes: one for each speed.
    assert len([wait for wait in watch.waits if wait != "read"]) == 2


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_gpu_has_room_for_as_many_as_its_memory_holds(watch: Watch, precision: str) -> None:
    assert make_model(device="cuda:1", precision=precision).slots == 256


def test_a_small_gpu_has_room_for_fewer_and_needs_what_it_says(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 12 * 2**30
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    slots = make_model(device="cuda:0").slots
    a_slot = 2 * 2 * 30 * 1056 * 1024 + 2 * 4 * 609 * 1024
    cache = a_slot * slots
    assert 0.4 * free < cache < 0.7 * free
    assert make_model(device="cuda:0", precision="fp32").slots < slots // 2
    # The voices that are kept are in the same memory.
    assert make_model(device="cuda:0", voice_cache_bytes=512 * 2**20 + 10 * a_slot).slots == slots - 10
    assert free < FREE_BYTES


def test_a_gpu_without_room_has_room_for_one(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 2**30))
    assert make_model(device="cuda:0").slots == 1


def test_the_number_that_was_asked_for_is_taken(watch: Watch) -> None:
    assert make_model(device="cuda:0", slots=3).slots == 3


def test_with_bf16_the_vocoder_has_fp16(watch: Watch) -> None:
    model = make_model(device="cuda:0", precision="bf16", slots=1)
    assert {bias.dtype for bias in model.vocoder.stream(torch.zeros(512)).speaker_biases} == {torch.float16}
