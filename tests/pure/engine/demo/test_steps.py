import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.engine.demo.steps import FIRST_STEP_MOST, MOST_PER_STEP, steps
from streaming.text.abbreviations.tables import LANGUAGES
from streaming.text.boundaries import Strength, boundaries
from tests.pure.text.test_sentences import examples

SENTENCE = "The weather is fine today, and the birds are singing in the trees. "


@given(st.text(alphabet="ab .,!?\n。", max_size=600))
def test_steps_cover_the_text_in_order_and_stay_short(text: str) -> None:
    found = list(steps(text))
    assert "".join(text[start:end] for start, end in found) == text
    assert all(start < end <= start + MOST_PER_STEP for start, end in found)


def test_the_steps_of_a_long_text_look_at_each_part_of_it_once() -> None:
    """Work that grew with the square of the length would not end here within the hour."""
    text = "a" * 6_000_000
    assert sum(end - start for start, end in steps(text)) == len(text)


def test_the_first_step_is_the_first_clause() -> None:
    text = "Well, good morning to you, my friend, " + SENTENCE
    assert text[: next(steps(text))[1]] == "Well, good morning to you, "


def test_a_long_first_sentence_is_cut_at_a_word() -> None:
    text = "word " * 100
    start, end = next(steps(text))
    assert end - start <= FIRST_STEP_MOST
    assert text[end - 1] == " "


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_step_ends_inside_an_abbreviation_or_a_date(language: str) -> None:
    text = " ".join(example.replace("|", "") for example in examples(language))
    kept = {place for place, strength in boundaries(text, language) if strength is Strength.NO_BREAK}
    ends = {end for _, end in steps(text, language)}
    assert len(ends) > 1
    assert ends & kept == set()
