"""How long a text may take."""

import pytest

from streaming.engine.text.timing import SpokenLength
from streaming.text.abbreviations.tables import LANGUAGES

SENTENCE = "the train to the coast leaves at seven in the morning, and nobody has seen the tickets."


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("hello.", 0),
        ("hello there", 0),
        ("no. yes, well - then... go!", 4),
        ("twenty-one", 0),
        ("ta1,jia4ge2.", 1),
        ("one) two", 0),
    ],
)
def test_pauses_are_possible_between_a_mark_and_a_word(text: str, marks: int) -> None:
    assert SpokenLength.of(text).marks == marks


@pytest.mark.parametrize("language", [*LANGUAGES, "xx"])
def test_who_is_fast_is_done_long_before_who_is_slow(language: str) -> None:
    spoken = SpokenLength.of(SENTENCE)
    timing = spoken.timing(language)
    assert timing.earliest * 2 < timing.latest < spoken.most_seconds(language, 0.4)
    assert 0 < timing.syllables < spoken.characters / 2


def test_the_speed_of_readers_lies_between_fast_and_slow() -> None:
    """183 words a minute, the mean of 77 studies: 16 words take 5.2 s."""
    timing = SpokenLength.of(SENTENCE).timing("en")
    words = len(SENTENCE.split())
    assert timing.earliest < words / 228 * 60 < words / 183 * 60 < timing.latest
    assert timing.syllables < 20  # of 21


def test_the_guard_follows_its_setting() -> None:
    spoken = SpokenLength.of(SENTENCE)
    slow, fast = spoken.most_seconds("en", 0.2), spoken.most_seconds("en", 0.4)
    assert slow - fast == pytest.approx(spoken.characters / 20.2 * (5 - 2.5))
