"""Where a text may be cut. In the examples a | stands where each boundary is."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.text.boundaries import Strength, best_cut, boundaries, pieces

TEXTS = st.text("abЖ你 .,!?…。、」“”()-—\n", max_size=400)


def cuts(text: str, at_least: Strength = Strength.WORD) -> str:
    """`text` with a | at each of its boundaries."""
    places = [index for index, strength in boundaries(text) if strength >= at_least]
    edges = [0, *places, len(text)]
    return "|".join(text[left:right] for left, right in pairwise(edges))


def strengths(text: str) -> list[Strength]:
    return [strength for _, strength in boundaries(text)]


@pytest.mark.parametrize("text", ["", "word", "word.", "word!", "3.14", "twenty-one", "a,b", "e.g.x", "…", '"', "x—y"])
def test_there_is_no_boundary_without_a_blank(text: str) -> None:
    assert cuts(text) == text


@pytest.mark.parametrize("text", [" ", "  word", "\n\nword", "\tword"])
def test_leading_blanks_are_no_boundary(text: str) -> None:
    assert cuts(text) == text


def test_a_boundary_lies_behind_all_blanks() -> None:
    assert cuts("one  two \n three ") == "one  |two \n |three |"


@pytest.mark.parametrize(
    "text",
    [
        "Yes. |No",
        "Yes! |No",
        "Yes? |No",
        "Yes... |No",
        "Yes… |No",
        "Yes?! |No",
        '"Yes." |No',
        "“Yes.” |No",
        "„Ja.“ |Nein",
        "»Ja.« |Nein",
        "« Oui. » |Non",
        "Pourquoi ? |Personne",
        "« Oui ! » |« Non ! »",
        "(Yes.) |No",
        "Да. |Нет",
        "هل؟ |نعم",
        "हाँ। |नहीं",
        "Yes\n|No",
        "好。|坏",
        "好！？|坏",
        "「好。」|坏",
        "好。 |坏",
        "It costs 3. |Then",
        "One. |Two. |Three. |",
    ],
)
def test_sentences(text: str) -> None:
    assert cuts(text.replace("|", ""), Strength.SENTENCE) == text


@pytest.mark.parametrize(
    "text",
    [
        "one, |two",
        "one; |two",
        "one: |two",
        "one — |two",
        "one – |two",
        "one - |two",
        "(one), |two",
        "你，|好",
        "نعم، |لا",
        "一、|二",
    ],
)
def test_clauses(text: str) -> None:
    plain = text.replace("|", "")
    assert cuts(plain, Strength.CLAUSE) == text
    assert Strength.SENTENCE not in strengths(plain)


@pytest.mark.parametrize(
    "text", ["one two", "(one) two", "twenty- two", "'one' two", "3.14 is", "1,000 is", "12:30 or"]
)
def test_words(text: str) -> None:
    assert strengths(text) == [Strength.WORD]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith",
        "Mrs. Smith",
        "Dr. Smith",
        "Prof. Smith",
        "St. Ives",
        "J. S. Bach",
        "e.g. this",
        "i.e. this",
        "vs. it",
    ],
)
def test_the_dot_of_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert Strength.SENTENCE not in strengths(text)


@pytest.mark.parametrize("text", ["The Dmr. |Then", "Seedr. |Then", "Look at HIM. |Then", "Best. |Then"])
def test_a_word_that_ends_like_an_abbreviation_is_none(text: str) -> None:
    assert cuts(text.replace("|", ""), Strength.SENTENCE) == text


def test_an_abbreviation_with_another_mark_ends_a_sentence() -> None:
    assert cuts("Are you Dr.? Yes", Strength.SENTENCE) == "Are you Dr.? |Yes"


@given(TEXTS)
def test_boundaries_rise_and_stay_within_the_text(text: str) -> None:
    places = [index for index, _ in boundaries(text)]
    assert places == sorted(set(places))
    assert all(0 < index <= len(text) for index in places)


@given(TEXTS)
def test_no_boundary_is_inside_a_word(text: str) -> None:
    for index, _ in boundaries(text):
        assert text[index - 1].isspace() or text[index - 1] in "。、」”"
        assert text[:index].strip()


# The best cut


def test_the_strongest_boundary_wins() -> None:
    text = "One is here. Two, and three and four"
    assert best_cut(text, least=5, most=30) == len("One is here. ")


def test_among_equals_the_last_wins() -> None:
    assert best_cut("one two three four", least=0, most=14) == len("one two three ")


def test_below_the_least_the_last_wins_whatever_its_strength() -> None:
    assert best_cut("One. Two three" + 50 * "x", least=20, most=40) == len("One. Two ")


def test_nothing_beyond_the_most_is_taken() -> None:
    assert best_cut("one two", least=0, most=3) is None
    assert best_cut("one two", least=0, most=4) == 4


@pytest.mark.parametrize("text", ["", "word", "   "])
def test_without_boundaries_there_is_no_cut(text: str) -> None:
    assert best_cut(text, least=0, most=100) is None


# Pieces


def test_a_short_text_is_one_piece() -> None:
    assert pieces("Hello. World", most=250) == ["Hello. World"]
    assert pieces("", most=250) == []


def test_pieces_are_whole_sentences_where_they_fit() -> None:
    assert pieces("One is here. Two is here too. Three", most=20) == ["One is here. ", "Two is here too. ", "Three"]


def test_a_word_longer_than_a_piece_stays_whole() -> None:
    word = 30 * "x"
    assert pieces(f"{word} and {word}", most=20) == [f"{word} ", "and ", word]


@given(TEXTS, st.integers(1, 60))
def test_pieces_join_up(text: str, most: int) -> None:
    assert "".join(pieces(text, most=most)) == text


@given(TEXTS, st.integers(1, 60))
@example("a ? ", 1)
def test_pieces_are_short_unless_they_cannot_be_cut(text: str, most: int) -> None:
    """A mark that a blank parts from its word stays with it."""
    for piece in pieces(text, most=most):
        places = [index for index, strength in boundaries(piece) if strength > Strength.NO_BREAK]
        assert len(piece) <= most or set(places) <= {len(piece)}


@given(TEXTS, st.integers(1, 60))
def test_pieces_end_at_boundaries(text: str, most: int) -> None:
    allowed = {index for index, _ in boundaries(text)}
    end = 0
    for piece in pieces(text, most=most)[:-1]:
        end += len(piece)
        assert end in allowed or text[end] in "你好"


# How the work grows


@pytest.mark.parametrize("pattern", [".", ")", "-", ".)", "。.", "a", "a ", " ", "word, ", "Dr. ", "你"])
def test_a_long_run_of_anything_is_read_in_one_go(pattern: str) -> None:
    """Work that grew with the square of the length would not end here within the hour."""
    text = (pattern * 300_000)[:300_000]
    assert all(index <= len(text) for index, _ in boundaries(text))


def test_scripts_without_blanks_are_cut_anywhere_but_before_a_mark() -> None:
    assert pieces("你" * 25, most=10) == ["你" * 10, "你" * 10, "你" * 5]
    assert pieces("你" * 10 + "。" + "好" * 3, most=10) == ["你" * 10 + "。", "好" * 3]


@pytest.mark.parametrize("pattern", ["a ", "word, ", "你好。", "你", ".", "a", "Dr. ", "word\n"])
def test_a_hundred_thousand_characters_are_cut_into_pieces(pattern: str) -> None:
    text = (pattern * 100_000)[:100_000]
    assert "".join(pieces(text, most=250)) == text


def test_a_full_width_comma_inside_a_number_is_no_boundary() -> None:
    assert cuts("1，000。") == "1，000。|"
