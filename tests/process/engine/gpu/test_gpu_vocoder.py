"""The vocoder of a GPU against the one that takes each window as it is. Latents that have not come yet are not numbers, so
that reading one shows."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from streaming.engine.checkpoint.random_weights import random_speech_weights
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpu import vocoder as vocoder_module
from streaming.engine.gpu.latent_store import LatentStore
from streaming.engine.gpu.vocoder import FRAMES, GpuVocoder, StoredDue, StoredStream
from streaming.engine.vocoder.vocoder import Due, Vocoder, VocoderStream
from tests.process.engine.gpu.engines import small_weights
from tests.process.engine.recorded import Recorder
from tests.process.engine.stage import CPU
from tests.process.engine.vocoder.vocoding import Floats, random_latents, random_speaker

CLOSE = 1e-5
SLOTS, STEPS = 6, 80
COUNT = 24

pytestmark = pytest.mark.usefixtures("plain_kernels", "_one_thread")


@dataclass
class Speech:
    """A stream that gets the latents between its `cuts` one part after the other, and what came of it from each vocoder."""

    slot: int
    latents: Tensor
    cuts: Sequence[int] = ()
    speaker: int = 0
    speed: float = 1.0
    # Of the first chunk.
    look_ahead: float | None = None
    ours: list[Floats] = field(default_factory=list)
    exact: list[Floats] = field(default_factory=list)

    @property
    def parts(self) -> list[tuple[int, int]]:
        return list(itertools.pairwise([0, *self.cuts, len(self.latents)]))


class Pair:
    """Both vocoders."""

    def __init__(self, weights: SpeechWeights) -> None:
        self.capture = Recorder()
        self.store = LatentStore(slots=SLOTS, steps=STEPS, width=weights.gpt.width, device=CPU)
        self.vocoder = GpuVocoder(weights.vocoder, self.store, CPU, torch.float32, self.capture, slots=SLOTS)
        self.exact = Vocoder(weights.vocoder)

    def run(self, *speeches: Speech) -> None:
        """All of them at once, a part of each at a time."""
        streams = {speech.slot: self._begin(speech) for speech in speeches}
        for turn in range(max(len(speech.parts) for speech in speeches)):
            due = [speech for speech in speeches if turn < len(speech.parts)]
            ours, exact = [], []
            for speech in due:
                mine, other = streams[speech.slot]
                start, stop = speech.parts[turn]
                first = self.store.first(speech.slot)
                self.store.latents[first + start : first + stop] = speech.latents[start:stop]
                mine.push_steps([None] * (stop - start))
                other.push(speech.latents[start:stop])
                how = speech.look_ahead if turn == 0 else None, turn + 1 == len(speech.parts)
                ours.append(StoredDue(mine, *how))
                exact.append(Due(other, *how))
            decoding = self.vocoder.start(ours)
            assert decoding.is_there
            for speech, mine_now, exact_now in zip(due, decoding.read(), self.exact.decode_many(exact), strict=True):
                speech.ours.append(mine_now.copy())
                speech.exact.append(exact_now)

    def _begin(self, speech: Speech) -> tuple[StoredStream, VocoderStream]:
        self.store.begin(speech.slot)
        first = self.store.first(speech.slot)
        self.store.latents[first : first + STEPS] = torch.nan
        how = random_speaker(speech.speaker), speech.speed
        return self.vocoder.stream(speech.slot, *how), self.exact.stream(*how)


def assert_same(*speeches: Speech) -> None:
    for speech in speeches:
        assert [len(chunk) for chunk in speech.ours] == [len(chunk) for chunk in speech.exact]
        ours, exact = np.concatenate(speech.ours), np.concatenate(speech.exact)
        assert len(exact) > 0
        assert np.abs(ours - exact).max() < CLOSE


@pytest.fixture(scope="module")
def weights() -> SpeechWeights:
    return small_weights()


@pytest.fixture(scope="module")
def small_calls() -> Iterator[None]:
    """Few sizes of calls: their shapes take time here, however little of them is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocoder_module, "FRAMES", (8, 32))
        patch.setattr(vocoder_module, "WINDOWS", (1, 2, 4))
        yield


@pytest.fixture(scope="module")
def pair(weights: SpeechWeights, plain_kernels: None, small_calls: None) -> Pair:
    return Pair(weights)


@pytest.fixture
def speech(weights: SpeechWeights) -> Callable[..., Speech]:
    def make(
        slot: int = 0, cuts: Sequence[int] = (), *, count: int = COUNT, seed: int = 0, **options: object
    ) -> Speech:
        return Speech(slot, random_latents(count, weights.gpt.width, seed), cuts, seed, **options)  # type: ignore[arg-type]

    return make


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, COUNT - 1), unique=True, max_size=8).map(sorted))
def test_a_stream_sounds_the_same_however_it_is_cut(pair: Pair, speech: Callable[..., Speech], cuts: list[int]) -> None:
    said = speech(cuts=cuts)
    pair.run(said)
    assert_same(said)


@pytest.mark.parametrize("speed", [0.5, 0.98, 1.3, 4.0])
def test_a_stream_sounds_the_same_at_any_speed(pair: Pair, speech: Callable[..., Speech], speed: float) -> None:
    cut, whole = speech(0, (4, 9, 19), speed=speed, look_ahead=2.0), speech(1, speed=speed, count=10)
    pair.run(cut, whole)
    assert_same(cut, whole)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_stream_that_begins_and_ends_in_one_window(pair: Pair, speech: Callable[..., Speech], count: int) -> None:
    said = speech(count=count)
    pair.run(said)
    assert_same(said)


@pytest.mark.parametrize("rest", [0, 1, 4])
def test_a_first_chunk_with_look_ahead_and_an_end_soon_after_it(
    pair: Pair, speech: Callable[..., Speech], rest: int
) -> None:
    said = speech(0, (4,), count=4 + rest, look_ahead=2.0)
    pair.run(said)
    assert len(said.ours[0]) == 8 * 256
    assert_same(said)


def test_more_frames_than_a_call_has_are_decoded_in_windows_beside_each_other(
    speech: Callable[..., Speech], monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 latents are 261 frames: two windows of 128, and one of 5."""
    monkeypatch.setattr(vocoder_module, "FRAMES", FRAMES)
    pair, said = Pair(random_speech_weights("tiny")), speech(count=60)
    pair.run(said)
    assert_same(said)
    assert sorted(pair.vocoder._calls) == [(1, 8), (2, 128)]


def test_streams_of_different_speakers_speeds_and_lengths_beside_each_other(
    pair: Pair, speech: Callable[..., Speech]
) -> None:
    crowd = [
        speech(3, (4, 9, 19), seed=1, look_ahead=2.0),
        speech(0, (1, 2, 3), seed=2, count=5),
        speech(5, (10, 20, 30), seed=3, count=40, speed=1.7),
        speech(1, (4, 9), seed=4, look_ahead=2.0, speed=0.7),
        speech(2, (23,), seed=1),
    ]
    pair.run(*crowd)
    assert_same(*crowd)


def test_windows_of_one_call_do_not_influence_each_other(pair: Pair, speech: Callable[..., Speech]) -> None:
    """What one speaks is not a number."""
    broken, sound = speech(0, (4, 9), seed=1), speech(1, (4, 9), seed=2)
    broken.latents[:] = torch.nan
    pair.run(broken, sound)
    assert np.isnan(np.concatenate(broken.ours)).all()
    assert_same(sound)
    # Nor does it stay in the memory of the call.
    again = speech(0, (4, 9), seed=3), speech(1, (4, 9), seed=4)
    pair.run(*again)
    assert_same(*again)


def test_a_slot_is_used_again_by_another_speaker(pair: Pair, speech: Callable[..., Speech]) -> None:
    first, second, third = speech(2, (4,), seed=1), speech(2, (9,), seed=2, count=12), speech(2, seed=3, speed=1.2)
    for said in (first, second, third):
        pair.run(said)
    assert_same(first, second, third)


def test_more_windows_than_a_call_has_are_decoded_one_call_after_the_other(
    pair: Pair, speech: Callable[..., Speech]
) -> None:
    """Of one size: what the first call gave is kept when the same is repeated."""
    crowd = [speech(slot, (3, 6), seed=slot, count=9, look_ahead=2.0) for slot in range(SLOTS)]
    pair.run(*crowd)
    assert_same(*crowd)
    assert (4, 8) in pair.vocoder._calls


def test_every_call_that_can_come_is_recorded_before(
    weights: SpeechWeights, speech: Callable[..., Speech], small_calls: None
) -> None:
    pair = Pair(weights)
    with torch.inference_mode():
        pair.vocoder.warm_up()
    assert pair.capture.captures == len(pair.vocoder._calls) == 6
    said = speech(cuts=(4, 9), look_ahead=2.0), speech(1, count=30, seed=1)
    pair.run(*said)
    assert_same(*said)
    assert pair.capture.captures == 6
    pair.vocoder.stop()
    assert not pair.vocoder._calls


def test_nothing_is_decoded_where_nothing_is_ready(pair: Pair, speech: Callable[..., Speech]) -> None:
    said = speech(0, (1, 2), count=8)
    pair.run(said)
    assert [len(chunk) for chunk in said.ours[:2]] == [0, 0]
    assert_same(said)


def test_nothing_comes_after_the_end(pair: Pair, speech: Callable[..., Speech]) -> None:
    pair.store.begin(0)
    stream = pair.vocoder.stream(0, random_speaker())
    assert [len(samples) for samples in pair.vocoder.start([StoredDue(stream, last=True)]).read()] == [0]
    with pytest.raises(ValueError, match="has ended"):
        stream.push_steps([None])
