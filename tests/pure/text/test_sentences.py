"""Where sentences end in the 17 languages of XTTS, by the tables in `sentences/`, which anybody who speaks one of them can
read and correct."""

from itertools import pairwise
from pathlib import Path

import pytest

from streaming.protocol.text_buffer import TextBuffer
from streaming.text.abbreviations.tables import INTERNATIONAL, LANGUAGES, Kind, read_sections, table
from streaming.text.boundaries import LONGEST_PIECE, Strength, best_cut, boundaries, pieces
from streaming.text.dots import dot_belongs_to_word

FOLDER = Path(__file__).parent / "sentences"


def examples(language: str) -> list[str]:
    """The lines of a table: a text with a | where each sentence ends."""
    lines = (FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


# What a client has said about the language: what it is, with a region, or nothing.
SAID = {"known": "{}", "with a region": "{}-XX", "not known": ""}


def texts(language: str) -> list[str]:
    return [example.replace("|", "") for example in examples(language)]


def kept_together(text: str, language: str) -> set[int]:
    """Places where nothing may end."""
    return {place for place, strength in boundaries(text, language) if strength is Strength.NO_BREAK}


def ends_of(parts: list[str]) -> set[int]:
    """Where the parts of a text end in it, the last one excepted."""
    return {sum(map(len, parts[:count])) for count in range(1, len(parts))}


def strengths(text: str, language: str | None) -> dict[int, Strength]:
    return dict(boundaries(text, language))


def with_bars(text: str, language: str | None) -> str:
    """A text with a | where each sentence ends."""
    found = strengths(text, language).items()
    places = [place for place, strength in found if strength is Strength.SENTENCE and place < len(text)]
    return "|".join(text[left:right] for left, right in pairwise([0, *places, len(text)]))


def test_every_language_of_xtts_has_tables() -> None:
    assert len(LANGUAGES) == 17
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(LANGUAGES)
    assert all(len(examples(language)) >= 4 for language in LANGUAGES)
    assert all(table(language).kinds or language == "ko" for language in (*LANGUAGES, INTERNATIONAL))


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_cut_behind_its_sentences_and_nowhere_else(language: str, said: str) -> None:
    expected = examples(language)
    assert [with_bars(example.replace("|", ""), said.format(language) or None) for example in expected] == expected


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_belongs_together_is_no_word_by_itself(language: str, said: str) -> None:
    """Behind every other dot there is no place to cut, unless nothing else is left."""
    for text in texts(language):
        weak = [
            place
            for place, strength in strengths(text, said.format(language) or None).items()
            if text[:place].endswith(". ") and strength is not Strength.SENTENCE
        ]
        assert {strengths(text, language)[place] for place in weak} <= {Strength.NO_BREAK}, text


def arriving(text: str, language: str | None, *, each: int) -> list[str]:
    """The text as a session cuts it that gets a few characters at a time, and wants to speak as soon as it may."""
    buffer, taken = TextBuffer(), list[str]()
    for start in range(0, len(text), each):
        buffer.append(text[start : start + each])
        taken += [piece.text for piece in buffer.take_scheduled((1,), len(taken), language)]
    return taken + [piece.text for piece in buffer.take_all(language)]


@pytest.mark.parametrize("each", [1, 7])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_arrives_in_parts_is_not_cut_before_the_next_word_is_known(language: str, each: int) -> None:
    for text in texts(language):
        taken = arriving(text, language, each=each)
        assert "".join(taken) == text
        assert ends_of(taken) & kept_together(text, language) == set(), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_piece_ends_inside_what_belongs_together(language: str) -> None:
    for text in texts(language):
        kept = kept_together(text, language)
        for most in range(30, len(text)):
            assert ends_of(pieces(text, most=most, language=language)) & kept == set(), (text, most)


def test_what_belongs_together_is_cut_only_if_nothing_else_is_left() -> None:
    text = "He met Dr. " + "x" * 40
    assert best_cut(text, least=8, most=20) == len("He met ")
    assert best_cut(text[7:], least=2, most=20) == len("Dr. ")
    assert pieces("Dr. " * 10, most=20) == ["Dr. " * 5] * 2


@pytest.mark.parametrize("first", ["am 31. ", "am 31. D", "Äpfel usw. ", "um 5 p.m. ", "Plan B. Dan"])
def test_a_boundary_that_the_next_word_decides_waits_for_it(first: str) -> None:
    *_, (_, strength) = boundaries(first, goes_on=True)
    assert strength is Strength.NO_BREAK
    buffer = TextBuffer()
    buffer.append("Es war kalt " + first)
    assert not any("." in piece.text for piece in buffer.take_scheduled((20,), 0))


def test_a_full_buffer_waits_for_nobody() -> None:
    buffer = TextBuffer()
    buffer.append("Dr. " * 100)
    assert len(buffer.take_scheduled((20,), 0)[0].text) > 200


@pytest.mark.parametrize(
    ("text", "language", "belongs"),
    [
        ("Dr. Smith", "en", True),
        ("Dr.", "en", True),
        ("Hello. World", "en", False),
        ("etc.", "en", False),
        ("etc. and", "en", True),
        ("am 31. Dezember", "de", True),
        ("am 31. December", "en", False),
        ("am 31.", "de", False),
        ("Er ist der 31. Dann kam ich", "de", False),
        ("(z. B. Berlin)", "de", True),
        ("„Vgl. Berlin“", "de", True),
        ("见Fig. 3", "zh", True),
        ("x" * 50 + "dr. Smith", "en", False),
    ],
)
def test_a_dot_belongs_to_its_word_or_ends_a_sentence(text: str, language: str, belongs: bool) -> None:
    assert dot_belongs_to_word(text, text.rindex("."), language) is belongs


def test_brackets_and_commas_behind_an_abbreviation_count_as_elsewhere() -> None:
    assert [strength for _, strength in boundaries("(usw.) und etc., dann")] == [
        *(Strength.SENTENCE, Strength.WORD, Strength.CLAUSE)
    ]


@pytest.mark.parametrize("between", ["\n", " \n"])
def test_the_end_of_a_line_does_not_part_a_date(between: str) -> None:
    assert [strength for _, strength in boundaries(f"31.{between}Dezember")] == [Strength.NO_BREAK]
    assert [strength for _, strength in boundaries(f"31.{between}\nDezember")] == [Strength.SENTENCE]


@pytest.mark.parametrize(
    ("text", "places"),
    [("12 000 euro", [3]), ("1 200 000 zł", [2, 6]), ("in 2024 100 came", []), ("5 10 or 1 2000", [])],
)
def test_the_thousands_of_a_number_stay_together(text: str, places: list[int]) -> None:
    assert [place for place, strength in boundaries(text) if strength is Strength.NO_BREAK] == places


def test_a_word_in_the_wrong_section_of_a_table_is_found_at_once() -> None:
    with pytest.raises(ValueError, match="no such section of abbreviations: inside"):
        read_sections("[inside]\nDr.")
    with pytest.raises(ValueError, match="no such section"):
        read_sections("Dr.\n[inside a sentence]\nMr.")
    assert read_sections("[inside a sentence] # always\nDr. Mr. # titles\n\nMs.") == {
        Kind.INSIDE: {"Dr.", "Mr.", "Ms."}
    }


@pytest.mark.parametrize("pattern", ["Dr. ", "z. ", "31. ", "a.b.", ". ", "1. \n", "e.g. ", "Äpfel usw. "])
def test_a_long_run_of_abbreviations_is_read_in_one_go(pattern: str) -> None:
    text = (pattern * 100_000)[:100_000]
    assert all(index <= len(text) for index, _ in boundaries(text))
    assert "".join(pieces(text, most=LONGEST_PIECE)) == text
