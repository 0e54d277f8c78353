"""Where somebody speaks, by levels alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voices.speech_part import SECONDS_PER_LEVEL, kept, phrases

SECOND = round(1 / SECONDS_PER_LEVEL)


def levels(*parts: tuple[float, float]) -> NDArray[np.float64]:
    """Parts of so many seconds at so many dB, as the mean squares that they have."""
    values = [np.full(round(seconds * SECOND), 10 ** (decibels / 10)) for seconds, decibels in parts]
    return np.concatenate([np.zeros(0), *values])


def seconds(ranges: list[tuple[int, int]]) -> list[tuple[float, float]]:
    return [(start * SECONDS_PER_LEVEL, end * SECONDS_PER_LEVEL) for start, end in ranges]


def used(power: NDArray[np.float64]) -> list[tuple[float, float]]:
    return seconds(kept(phrases(power), len(power)))


@pytest.mark.parametrize("silence", [-200, -80, -60, -40])
def test_silence_at_both_ends_is_left_out_but_for_half_a_second(silence: float) -> None:
    power = levels((30, silence), (6, -20), (10, silence))
    assert seconds(phrases(power)) == [(30.0, 36.0)]
    assert used(power) == [(29.5, 36.5)]


def test_a_long_pause_is_cut_to_a_second() -> None:
    power = levels((3, -20), (40, -70), (4, -25))
    assert used(power) == [(0.0, 3.5), (42.5, 47.0)]


@pytest.mark.parametrize("pause", [0.2, 0.7, 1.0])
def test_a_recording_without_long_silence_is_used_as_it_is(pause: float) -> None:
    power = levels((0.5, -80), (2, -20), (pause, -80), (2, -20), (0.5, -80))
    assert used(power) == [(0.0, 5 + pause)]


def test_quiet_speech_beside_loud_speech_is_speech() -> None:
    """It changes all the time, unlike the noise of a room."""
    loud = levels(*[(0.1, -20), (0.1, -35)] * 20)
    quiet = levels(*[(0.1, -40), (0.1, -55)] * 20)
    assert used(np.concatenate((loud, quiet))) == [(0.0, 8.0)]


def test_noise_as_loud_as_the_speech_is_not_cut() -> None:
    assert used(levels((10, -30), (5, -20))) == [(0.0, 15.0)]


def test_clicks_are_no_speech() -> None:
    power = levels((10, -70))
    power[::SECOND] = 0.1
    power[SECOND] = power[SECOND + 1] = 0.1
    assert phrases(power) == []


@pytest.mark.parametrize("length", [0, 1, 1_000])
def test_nothing_but_silence_has_no_phrases(length: int) -> None:
    assert phrases(np.zeros(length)) == []


def test_one_value_may_be_all() -> None:
    assert phrases(levels((0.06, -20))) == [(0, 3)]
