import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming.engine.checkpoint import XttsParts
from streaming.engine.crew import Crew
from streaming.engine.vocoder import Due, Vocoder
from tests.engine.vocoding import Floats, offline, random_latents, random_speaker

COUNT = 24


@pytest.fixture(scope="module")
def decoder(tiny_parts: XttsParts) -> Any:
    return tiny_parts.model.hifigan_decoder


@pytest.fixture(scope="module")
def width(decoder: Any) -> int:
    return int(decoder.waveform_decoder.conv_pre.weight.shape[1])


@pytest.fixture(scope="module", params=["torch", "one thread", "two threads"])
def vocoder(request: pytest.FixtureRequest, decoder: Any) -> Vocoder:
    crew = {"torch": None, "one thread": Crew(1), "two threads": Crew(2)}[request.param]
    return Vocoder(decoder, crew=crew)


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


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, COUNT - 1), unique=True, max_size=8).map(sorted))
def test_streamed_is_offline_however_it_is_cut(vocoder: Vocoder, decoder: Any, width: int, cuts: list[int]) -> None:
    latents = random_latents(COUNT, width)
    expected, samples = offline(decoder, latents, random_speaker()), streamed(vocoder, latents, cuts)
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
