"""Where speech ends that goes on after its text. The speech is made of tones, one for each syllable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.engine.contract import Samples
from streaming.engine.ending import KEPT, Ending
from streaming.engine.text.piece import Timing

RATE = 24_000
# A text of four syllables, which takes 0.8 s at the usual speed.
TEXT = Timing(earliest=0.5, latest=2.0, pauses=0, syllables=3.0)


def tones(count: int, *, seconds: float = 0.2, loud: float = 0.5) -> Samples:
    """So many syllables."""
    time = np.arange(round(seconds * RATE)) / RATE
    syllable = loud * np.sin(2 * np.pi * 200 * time) * np.sin(np.pi * time / seconds) ** 2
    return np.tile(syllable, count).astype(np.float32)


def silence(seconds: float, *, noise: float = 0.001) -> Samples:
    samples = np.random.default_rng(0).normal(0, noise, round(seconds * RATE))
    return samples.astype(np.float32)


def speech(*parts: int | float) -> Samples:
    """An int is so many syllables, a float so many seconds of silence."""
    return np.concatenate([tones(part) if isinstance(part, int) else silence(part) for part in parts])


def spoken(
    samples: Samples, timing: Timing = TEXT, *, each: int = 11_145, by_itself: bool = True, speed: float = 1.0
) -> Samples:
    """What goes out of speech that comes in chunks; the model is stopped when its text is over."""
    ending, out = Ending(timing, rate=RATE, speed=speed), list[Samples]()
    for start in range(0, len(samples), each):
        out.append(ending.push(samples[start : start + each]))
        if ending.is_over:
            return np.concatenate(out)
    return np.concatenate([*out, ending.finish(by_itself=by_itself)])


def test_speech_that_ends_by_itself_goes_out_as_it_is() -> None:
    for samples in (speech(4), speech(4, 0.6), speech(0.3, 4, 0.3, 1), speech(9), np.zeros(0, dtype=np.float32)):
        assert np.array_equal(spoken(samples), samples)


def test_speech_that_goes_on_ends_at_the_pause_behind_its_text() -> None:
    whole = speech(4, 0.4, 12)
    out = spoken(whole)
    assert len(out) == pytest.approx(len(speech(4)) + KEPT * RATE, abs=0.03 * RATE)
    assert np.array_equal(out[:-200], whole[: len(out) - 200])
    assert abs(out[-1]) < 1e-4


def test_so_it_does_however_it_is_cut_into_chunks() -> None:
    lengths = {len(spoken(speech(4, 0.4, 12), each=each)) for each in (100, 2000, 5573, 100_000)}
    assert len(speech(4)) < min(lengths) <= max(lengths) < len(speech(4, 0.4))


def test_nothing_is_held_back_before_there_is_a_pause() -> None:
    ending = Ending(TEXT, rate=RATE)
    samples = speech(30)
    assert sum(len(ending.push(samples[start : start + 999])) for start in range(0, len(samples), 999)) == len(samples)
    assert not ending.is_over


@pytest.mark.parametrize(
    "samples",
    {
        "a slow voice that pauses between its words": speech(1, 0.3, 1, 0.3, 1, 0.3, 1),
        "fewer syllables than the text has": speech(1, 0.9, 1, 3.0),
        "a pause before anybody could be done": speech(1, 0.4, 12),
        "a sound between two syllables": speech(2, 0.15, 2, 0.15, 8),
    }.values(),
    ids=lambda samples: str(len(samples)),
)
def test_a_text_that_may_not_be_over_goes_out_to_its_end(samples: Samples) -> None:
    assert np.array_equal(spoken(samples, Timing(0.5, 4.0, 0, 3.0)), samples)


def test_the_pauses_that_the_marks_of_a_text_make_are_not_its_end() -> None:
    text = Timing(earliest=0.5, latest=2.0, pauses=2, syllables=3.0)
    assert len(spoken(speech(4, 0.4, 4, 0.4, 8), text)) == len(speech(4, 0.4, 4, 0.4, 8))
    assert len(spoken(speech(4, 0.4, 4, 0.4, 2, 0.4, 8), text)) < len(speech(4, 0.4, 4, 0.4, 2, 0.4))


def test_speech_that_is_stopped_after_all_that_it_may_take_ends_at_its_last_doubtful_pause() -> None:
    text = Timing(earliest=0.5, latest=2.0, pauses=2, syllables=3.0)
    whole = speech(12, 0.4, 9)
    assert len(spoken(whole, text, by_itself=False)) < len(speech(12, 0.4))
    assert np.array_equal(spoken(whole, text, by_itself=True), whole)
    assert np.array_equal(spoken(speech(30), text, by_itself=False), speech(30))


def test_twice_the_speed_has_half_the_times() -> None:
    fast = speech(4, 0.4, 12)[::2]
    assert len(spoken(fast, speed=2.0)) == pytest.approx(len(spoken(speech(4, 0.4, 12))) / 2, rel=0.02)


def test_a_voice_with_noise_behind_it_has_no_pauses_and_goes_out_as_it_is() -> None:
    samples = (speech(4, 0.4, 12) + silence(4.0, noise=0.05)[: len(speech(4, 0.4, 12))]).astype(np.float32)
    assert np.array_equal(spoken(samples), samples)


@given(st.lists(st.one_of(st.integers(1, 6), st.floats(0.05, 0.6)), max_size=10), st.integers(50, 20_000))
def test_what_goes_out_is_the_beginning_of_what_came_in(parts: list[int | float], each: int) -> None:
    samples = speech(*parts) if parts else np.zeros(0, dtype=np.float32)
    out = spoken(samples, each=each)
    assert np.array_equal(out[:-200], samples[: len(out)][:-200])
    assert len(out) == len(samples) or len(samples) > TEXT.latest * RATE
