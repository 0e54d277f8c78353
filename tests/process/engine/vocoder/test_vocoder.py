import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.kernels.crew import Crew
from streaming.engine.vocoder.vocoder import Due, Vocoder
from tests.process.engine.vocoder.vocoding import Floats, offline, random_latents, random_speaker

COUNT = 24
XTTS_PAGE = (Path(__file__).resolve().parents[4] / "docs" / "xtts.md").read_text()


@pytest.fixture(scope="module")
def decoder(tiny_parts: XttsParts) -> Any:
    return tiny_parts.model.hifigan_decoder


@pytest.fixture(scope="module")
def width(decoder: Any) -> int:
    return int(decoder.waveform_decoder.conv_pre.weight.shape[1])


@pytest.fixture(scope="module", params=["torch", "one thread", "two threads"])
def vocoder(request: pytest.FixtureRequest, tiny_weights: SpeechWeights) -> Vocoder:
    crew = {"torch": None, "one thread": Crew(1), "two threads": Crew(2)}[request.param]
    return Vocoder(tiny_weights.vocoder, crew=crew)


def streamed(
    vocoder: Vocoder, latents: torch.Tensor, cuts: list[int], *, speaker: int = 0, speed: float = 1.0
) -> Floats:
    stream = vocoder.stream(random_speaker(speaker), speed)
    edges = [0, *cuts, len(latents)]
    parts = []
    for start, stop in itertools.pairwise(edges):
        stream.push(latents[start:stop])
        parts.append(stream.decode(last=stop == len(latents)))
    return np.concatenate(parts)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, COUNT - 1), unique=True, max_size=8).map(sorted))
def test_streamed_is_offline_however_it_is_cut(vocoder: Vocoder, decoder: Any, width: int, cuts: list[int]) -> None:
    latents = random_latents(COUNT, width)
    expected, samples = offline(decoder, latents, random_speaker()), streamed(vocoder, latents, cuts)
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-5


@pytest.mark.parametrize("crew", [None, Crew(1)], ids=["torch", "one thread"])
def test_it_is_exact_in_the_width_of_xtts(
    crew: Crew | None, small_parts: XttsParts, small_weights: SpeechWeights, width: int
) -> None:
    latents = random_latents(COUNT, width)
    expected = offline(small_parts.model.hifigan_decoder, latents, random_speaker(), 1.3)
    samples = streamed(Vocoder(small_weights.vocoder, crew=crew), latents, [3, 4, 13], speed=1.3)
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-5


@pytest.mark.parametrize("speed", [0.7, 1.3, 2.0])
def test_speed_stretches_the_same_grid(vocoder: Vocoder, decoder: Any, width: int, speed: float) -> None:
    latents = random_latents(COUNT, width)
    expected = offline(decoder, latents, random_speaker(), speed)
    samples = streamed(vocoder, latents, [3, 4, 13], speed=speed)
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_utterances_are_whole(vocoder: Vocoder, decoder: Any, width: int, count: int) -> None:
    latents = random_latents(count, width)
    expected = offline(decoder, latents, random_speaker())
    samples = streamed(vocoder, latents, [])
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-5


def test_less_look_ahead_spoils_only_what_it_hurries(vocoder: Vocoder, decoder: Any, width: int) -> None:
    latents = random_latents(COUNT, width)
    expected = offline(decoder, latents, random_speaker())
    stream = vocoder.stream(random_speaker())
    stream.push(latents[:4])
    early = stream.decode(look_ahead=2.0)
    stream.push(latents[4:])
    late = stream.decode(last=True)
    assert 2000 < len(early) < 2300  # two latents
    assert len(early) + len(late) == len(expected)
    assert np.abs(early - expected[: len(early)]).max() < 0.01 * expected.std()
    assert np.abs(late - expected[len(early) :]).max() < 1e-5


def test_streams_that_are_interleaved_are_as_if_alone(vocoder: Vocoder, width: int) -> None:
    voices = [(0, 1.0), (1, 1.0), (2, 1.3)]
    latents = [random_latents(COUNT, width, seed) for seed, _ in voices]
    alone = [
        streamed(vocoder, each, [8, 16], speaker=seed, speed=speed)
        for each, (seed, speed) in zip(latents, voices, strict=True)
    ]
    streams = [vocoder.stream(random_speaker(seed), speed) for seed, speed in voices]
    together: list[list[Floats]] = [[], [], []]
    for start in (0, 8, 16):
        for stream, each in zip(streams, latents, strict=True):
            stream.push(each[start : start + 8])
        for row, samples in enumerate(vocoder.decode_many([Due(stream, last=start == 16) for stream in streams])):
            together[row].append(samples)
    for parts, expected in zip(together, alone, strict=True):
        assert np.abs(np.concatenate(parts) - expected).max() < 1e-6


def test_a_stream_keeps_only_what_it_may_still_need(vocoder: Vocoder, width: int) -> None:
    stream = vocoder.stream(random_speaker())
    held = []
    for _ in range(8):
        stream.push(random_latents(10, width))
        stream.decode()
        held.append(stream.held)
    assert max(held) <= 12
    assert held[-1] <= held[1] + 1


def test_nothing_can_follow_the_end(vocoder: Vocoder, width: int) -> None:
    stream = vocoder.stream(random_speaker())
    stream.push(random_latents(2, width))
    stream.decode(last=True)
    with pytest.raises(ValueError, match="ended"):
        stream.push(random_latents(1, width))


def on_a_gpu(weights: SpeechWeights, dtype: torch.dtype = torch.float32) -> Vocoder:
    """Its network and its batches, on this CPU."""
    return Vocoder(weights.vocoder, dtype=dtype, most_together=32, frame_step=4)


def test_streams_are_offline_in_the_batches_of_a_gpu(tiny_weights: SpeechWeights, decoder: Any, width: int) -> None:
    """After the first packet, which takes less look-ahead, from several streams that are cut differently."""
    made = on_a_gpu(tiny_weights)
    speeds = [1.0, 1.0, 0.8, 1.3]
    latents = [random_latents(COUNT + 5 * row, width, row) for row in range(len(speeds))]
    streams = [made.stream(random_speaker(row), speed) for row, speed in enumerate(speeds)]
    heard: list[list[Floats]] = [[] for _ in speeds]
    sizes = [4, 5, 7, 6, 11, 5]
    for turn, size in enumerate(sizes):
        due = []
        for row, stream in enumerate(streams):
            given = sum(sizes[:turn])
            is_last = turn == len(sizes) - 1
            stream.push(latents[row][given:] if is_last else latents[row][given : given + size])
            due.append(Due(stream, 2.0 if turn == 0 else None, is_last))
        for row, samples in enumerate(made.decode_many(due)):
            heard[row].append(samples)
    for row, speed in enumerate(speeds):
        expected = offline(decoder, latents[row], random_speaker(row), speed)
        samples, early = np.concatenate(heard[row]), len(heard[row][0])
        assert len(samples) == len(expected)
        assert np.abs(samples[early:] - expected[early:]).max() < 1e-5
        # Speech that is faster has less sound in the two latents of look-ahead.
        assert np.abs(samples[:early] - expected[:early]).max() < 0.05 * expected.std()


def test_windows_are_decoded_together_and_in_few_shapes(
    tiny_weights: SpeechWeights, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = on_a_gpu(tiny_weights)
    generator, shapes = made._generator, []

    def noted(frames: torch.Tensor, *rest: Any) -> torch.Tensor:
        shapes.append(tuple(frames.shape[:2]))
        return generator(frames, *rest)

    monkeypatch.setattr(made, "_generator", noted)
    streams = [made.stream(random_speaker(row)) for row in range(3)]
    for row, stream in enumerate(streams):
        stream.push(random_latents(10, width, row))
    made.decode_many([Due(stream) for stream in streams])
    for _ in range(6):
        for row, stream in enumerate(streams):
            stream.push(random_latents(10, width, row))
        made.decode_many([Due(stream) for stream in streams])
    assert len(shapes) == 7
    assert {rows for rows, _ in shapes} == {3}
    # A chunk has 43 or 44 frames, as it falls; rounded up they are one shape.
    assert len({frames for _, frames in shapes[1:]}) == 1


def distance(weights: SpeechWeights, parts: XttsParts, width: int, dtype: torch.dtype) -> float:
    """How far below the signal the difference from float32 is, in dB."""
    latents = random_latents(COUNT, width)
    expected = offline(parts.model.hifigan_decoder, latents, random_speaker())
    samples = streamed(on_a_gpu(weights, dtype), latents, [10])
    return float(20 * np.log10(expected.std() / (samples - expected).std()))


def test_the_documents_say_how_far_half_precision_is_from_float32(
    small_weights: SpeechWeights, small_parts: XttsParts, width: int
) -> None:
    [row] = [line for line in XTTS_PAGE.splitlines() if line.strip().startswith("| GPU, fp16 and bf16 |")]
    said = re.search(r"is (\d+) dB below the signal", row)
    assert said
    assert distance(small_weights, small_parts, width, torch.float16) == pytest.approx(int(said[1]), abs=3)


def test_bf16_would_be_too_coarse_for_sound(small_weights: SpeechWeights, small_parts: XttsParts, width: int) -> None:
    assert distance(small_weights, small_parts, width, torch.bfloat16) < 40
