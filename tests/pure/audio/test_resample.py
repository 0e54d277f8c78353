"""Streamed equals one-shot, bit for bit, whatever the cutting."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio.encoder import Samples
from streaming.audio.formats import PCM_RATES
from streaming.audio.resample import Resampler

SOURCE_RATES = (22050, 24000)
NOISE: Samples = np.random.default_rng(1).uniform(-1, 1, 12_000).astype(np.float32)
PAIRS = [(source, target) for source in SOURCE_RATES for target in PCM_RATES]


def streamed(source: int, target: int, samples: Samples, cuts: list[int]) -> Samples:
    resampler = Resampler(source, target)
    edges = [0, *sorted(min(cut, len(samples)) for cut in cuts), len(samples)]
    parts = [resampler.push(samples[start:end]) for start, end in pairwise(edges)]
    return np.concatenate([*parts, resampler.finish()])


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=30), length=st.integers(0, 12_000))
def test_streamed_equals_one_shot(source: int, target: int, cuts: list[int], length: int) -> None:
    samples = NOISE[:length]
    assert np.array_equal(streamed(source, target, samples, cuts), streamed(source, target, samples, []))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_one_sample_at_a_time_is_no_different(source: int, target: int) -> None:
    samples = NOISE[:500]
    assert np.array_equal(streamed(source, target, samples, list(range(500))), streamed(source, target, samples, []))


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=25)
@given(length=st.integers(0, 12_000))
def test_the_length_is_that_of_the_source_at_the_new_rate(source: int, target: int, length: int) -> None:
    # A half may go either way.
    assert abs(len(streamed(source, target, NOISE[:length], [])) - length * target / source) <= 0.5


@pytest.mark.parametrize("rate", SOURCE_RATES)
def test_the_same_rate_changes_nothing(rate: int) -> None:
    assert np.array_equal(streamed(rate, rate, NOISE, [100]), NOISE)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_samples_stay_mono_float32(source: int, target: int) -> None:
    converted = streamed(source, target, NOISE, [100])
    assert (converted.dtype.name, converted.ndim) == ("float32", 1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_keeps_its_pitch_and_loudness(source: int, target: int) -> None:
    def tone(rate: int) -> Samples:
        return (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)).astype(np.float32)

    middle = slice(target // 10, target // 2 - target // 10)
    assert np.allclose(streamed(source, target, tone(source), [5000])[middle], tone(target)[middle], atol=1e-3)


def test_streams_do_not_mix() -> None:
    left, right = Resampler(24000, 16000), Resampler(24000, 16000)
    parts = []
    for start in range(0, 12_000, 1000):
        parts.append(left.push(NOISE[start : start + 1000]))
        right.push(-NOISE[start : start + 1000])
    assert np.array_equal(np.concatenate([*parts, left.finish()]), streamed(24000, 16000, NOISE, []))
