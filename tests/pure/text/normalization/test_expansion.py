"""What is said is in proportion to what is written."""

import pytest

from streaming.text.normalization.expansion import SaysTooMuch, most_said, require_speakable
from streaming.text.normalization.language import known_languages
from streaming.text.normalization.normalizer import normalize
from streaming.text.rewriting import Rewriting, Segment


def test_the_most_is_said_and_one_character_more_is_not() -> None:
    assert most_said("½½7") == 100 + 4 + 4 + 12
    most = "a" * most_said("½½7")
    assert require_speakable(Rewriting((Segment("½½7", most),))).spoken == most
    with pytest.raises(
        SaysTooMuch, match=r"^A text of 3 characters would be spoken as 121 characters, and at most 120 are"
    ):
        require_speakable(Rewriting((Segment("½½7", most + "a"),)))


@pytest.mark.parametrize(("bomb", "language"), [("½", "en"), ("≤", "ru"), ("§", "es"), ("≥", "de")])
def test_a_text_of_signs_is_refused_and_does_not_speak_for_minutes(bomb: str, language: str) -> None:
    with pytest.raises(SaysTooMuch):
        require_speakable(normalize((bomb * 1900)[:1900], language))


@pytest.mark.parametrize("language", known_languages())
def test_long_numbers_and_tables_of_numbers_are_spoken(language: str) -> None:
    for text in (
        "3" * 500,
        "12, 15.5, 1999\n" * 30,
        "1234567 " * 60,
        "$5, 20%, 3 km, 10:30; " * 20,
        "2024-05-17 " * 40,
        "½",
        "10⁻³ m/s²",
    ):
        assert require_speakable(normalize(text, language)).original == text
