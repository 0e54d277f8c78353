"""Where real speech ends: sentences of the embedded voice, with and without another one behind them that nobody wrote."""

from collections.abc import Callable

import numpy as np
import pytest

from streaming.engine.contract import Samples
from streaming.engine.demo.piper_voice import english_voice
from streaming.engine.ending import Ending
from streaming.engine.text.timing import SpokenLength

Speak = Callable[[str, float], Samples]
RATE = 22_050
TEXTS = [
    "Hi.",
    "Hello there.",
    "Good morning, everybody.",
    "It takes about three hours to get there.",
    "The train to the coast leaves at seven in the morning, and nobody has seen the tickets.",
    "When the sun came up, he opened the window, looked at the sea, and smiled; it was going to be a good day.",
    "She said nothing. He waited. Then the door opened, and in came the old man with his dog.",
    "Unfortunately the international organization misunderstood the responsibilities of its representatives.",
]
TAIL = "And then something else that nobody wrote, and more of it, and on and on, until at last it comes to its end."


@pytest.fixture(scope="module")
def speak() -> Speak:
    """Without noise, so that it says the same each time."""
    voice = english_voice()
    assert voice.sample_rate == RATE
    known: dict[tuple[str, float], Samples] = {}

    def speak(text: str, speed: float) -> Samples:
        if (text, speed) not in known:
            sounds = voice.speak(text, speed, 1, lambda: False)
            known[text, speed] = np.concatenate([samples for samples, _ in sounds])
        return known[text, speed]

    return speak


def spoken(text: str, samples: Samples) -> Samples:
    ending, out = Ending(SpokenLength.of(text.lower()).timing("en"), rate=RATE), list[Samples]()
    for start in range(0, len(samples), RATE // 2):
        out.append(ending.push(samples[start : start + RATE // 2]))
        if ending.is_over:
            return np.concatenate(out)
    return np.concatenate([*out, ending.finish(by_itself=True)])


@pytest.mark.parametrize("speed", [0.5, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("text", TEXTS)
def test_nothing_that_can_be_heard_of_a_text_is_lost_however_slow_or_fast_the_voice(
    speak: Speak, text: str, speed: float
) -> None:
    samples = speak(text, speed)
    lost = samples[len(spoken(text, samples)) :]
    assert np.abs(lost).max(initial=0.0) < 0.03 * np.abs(samples).max()


@pytest.mark.parametrize("speed", [0.7, 1.0])
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_said_after_a_text_and_a_pause_is_not_heard(speak: Speak, text: str, speed: float) -> None:
    """Where the voice makes all the pauses of its text. Where it leaves some out, the tail is heard up to as many pauses."""
    samples, pause = speak(text, speed), np.zeros(round(0.3 * RATE), dtype=np.float32)
    out = spoken(text, np.concatenate([samples, pause, speak(TAIL, 1.0)]))
    assert len(out) < len(samples) + len(pause) + len(speak(TAIL, 1.0))
    if SpokenLength.of(text.lower()).marks == 0:
        assert len(out) < len(samples) + len(pause)
