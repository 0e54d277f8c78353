"""The room on GPUs that are not there: every tensor is on the right one, nothing has the host wait, and what Python launches
beside the recorded calls stays within a budget. One that has to grow needs a reason.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from streaming.engine import xtts_model
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk, SpeechRequest, VoiceRef
from streaming.engine.gpu import decoder as decoder_module
from streaming.engine.gpu import support
from streaming.engine.gpu import vocoder as vocoder_module
from streaming.engine.gpu.engine import CapturedEngine
from streaming.engine.gpu.model import CapturedModel
from streaming.engine.gpu.vocoder import StoredDue
from streaming.engine.xtts_loading import make_engine
from streaming.engine.xtts_model import Compute, ComputeOptions, assemble
from tests.process.engine.fake_gpu import Watch, two_gpus
from tests.process.engine.gpu.engines import CutAtBars, SlowConditioner, small_weights

TEXT = [7] * 10

pytestmark = pytest.mark.usefixtures("plain_kernels", "_one_thread")


class FakeEvent:
    """See `torch.cuda.Event`: what it marks is never reached by itself."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def record(self, stream: object) -> None: ...

    def query(self) -> bool:
        return False

    def synchronize(self) -> None:
        self._watch.waits.append("mark")


class FakeStream:
    def wait_event(self, event: FakeEvent) -> None: ...


class Unrepeated:
    """See `streaming.engine.gpt.cuda_graphs.Capture`: the work is done once, so that what is beside it is left."""

    def __init__(self, device: torch.device) -> None: ...

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], object]]:
        return work(), lambda: None


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(decoder_module, "MOST_ROWS", 128)
    monkeypatch.setattr(vocoder_module, "FRAMES", (8, 64))
    monkeypatch.setattr(vocoder_module, "WINDOWS", (4,))
    monkeypatch.setattr(support, "why_not", lambda weights, device: "")
    with two_gpus(monkeypatch) as watch:
        monkeypatch.setattr(torch.cuda, "Event", lambda: FakeEvent(watch))
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream())
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: FakeStream())
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        yield watch


def make_model(name: str = "cuda:1", precision: str = "fp16") -> CapturedModel:
    compute = Compute.begin(ComputeOptions(device=name, precision=precision, slots=4, threads=1))
    model = assemble(
        small_weights(), compute, front_end=CutAtBars(), conditioner=SlowConditioner(), fingerprint="random"
    )
    assert isinstance(model, CapturedModel)
    return model


@pytest.fixture
def model(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> CapturedModel:
    """Warm, with two sequences that have begun: only what is beside the recorded calls is seen from now on."""
    monkeypatch.setattr(xtts_model, "CudaCapture", Unrepeated)
    model = make_model()
    with torch.no_grad():
        model.warm_up()
        for slot in (0, 2):
            begin(model, slot)
        model.decoder.step([])
    watch.forget()
    return model


def begin(model: CapturedModel, slot: int, voice: str = "voice") -> None:
    conditioning = Conditioning(torch.zeros(32, model.weights.width), torch.zeros(512))
    model.decoder.seed(slot, 5)
    model.decoder.begin(slot, TEXT, conditioning, voice, [1])


def test_an_engine_speaks_on_the_gpu_that_was_named_and_on_no_other(watch: Watch) -> None:
    engine = make_engine(make_model())
    assert isinstance(engine, CapturedEngine)
    # Another thread would begin with the first GPU.
    watch.current = torch.device("cuda", 0)
    watch.forget()
    events: list[EngineEvent] = []

    def hear(event: EngineEvent) -> None:
        events.append(event)
        if sum(isinstance(event, Finished | Failed) for event in events) == 2:
            engine.stop()

    engine.submit(SpeechRequest("a", "Hi.|Go", VoiceRef(speaker="Voice 1"), speed=1.3, seed=3), hear)
    engine.submit(SpeechRequest("b", "Hi.", VoiceRef(speaker="Voice 2")), hear)
    engine.run()
    assert watch.current == torch.device("cuda", 1)
    ended = {event.request_id: event for event in events if not isinstance(event, PcmChunk)}
    assert ended == {"a": Finished("a"), "b": Finished("b")}
    assert sum(len(event.samples) for event in events if isinstance(event, PcmChunk)) > 20_000
    # Once for the GPU to begin with; then for tokens and samples alone.
    assert [wait for wait in watch.waits if wait != "mark"] == ["read"]


@torch.no_grad()
def test_a_step_waits_for_nothing_until_its_tokens_are_read(watch: Watch, model: CapturedModel) -> None:
    on_its_way = model.decoder.step([0, 2])
    assert watch.waits == []
    assert watch.launches.total() == 0
    # Two in, the tokens out.
    assert watch.copies == 3
    on_its_way.read()
    assert watch.waits == ["mark"]


@torch.no_grad()
def test_a_beginning_waits_for_nothing(watch: Watch, model: CapturedModel) -> None:
    begin(model, 1)
    assert watch.waits == []
    assert watch.launches.total() <= 7
    assert watch.copies <= 4
    watch.forget()
    begin(model, 3, "another voice")
    # Its latents go to the GPU; that of the known voice was copied there.
    assert watch.waits == []
    assert watch.launches.total() <= 5
    assert watch.copies <= 5
    watch.forget()
    model.decoder.step([0, 2])
    # The texts are read beside, and the new voice is kept.
    assert watch.waits == []
    assert watch.launches.total() == 2
    assert watch.copies == 3


@torch.no_grad()
def test_a_decode_waits_for_nothing_until_its_samples_are_read(watch: Watch, model: CapturedModel) -> None:
    streams = [model.vocoder.stream(slot, torch.zeros(512), speed) for slot, speed in ((0, 1.0), (2, 1.1), (1, 1.3))]
    for stream in streams:
        stream.push_steps([None] * 16)
    assert watch.waits == []
    assert watch.copies == 3
    watch.forget()
    decoding = model.vocoder.start([StoredDue(stream) for stream in streams])
    assert watch.waits == []
    assert watch.launches.total() == 0
    # For the windows of one size four in, and the samples out.
    assert watch.copies == 5
    assert not decoding.is_there
    lengths = [len(samples) for samples in decoding.read()]
    assert all(lengths)
    assert watch.waits == ["mark"]


@torch.no_grad()
@pytest.mark.parametrize("part", ["decoder", "vocoder"])
def test_what_is_recorded_waits_for_nothing(watch: Watch, part: str) -> None:
    """Otherwise a GPU could not record it."""
    model = make_model()
    watch.forget()
    getattr(model, part).warm_up()
    assert watch.launches.total() > 100
    assert watch.waits == []


def test_a_value_that_is_read_would_be_seen(watch: Watch) -> None:
    numbers = torch.zeros(3, device="cuda:0")
    watch.forget()
    numbers.cpu()
    float(numbers[0])
    torch.empty(3).copy_(numbers)
    numbers.copy_(torch.zeros(3))
    assert len(watch.waits) == 4
