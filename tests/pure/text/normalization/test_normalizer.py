"""Text as it is said, by the tables that speakers of the languages can read, and what holds for any text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.text.abbreviations.tables import INTERNATIONAL
from streaming.text.abbreviations.tables import table as stop_table
from streaming.text.normalization.language import known_languages, load_language
from streaming.text.normalization.normalizer import _reader, normalize
from tests.pure.text.normalization.tables import languages, table


@pytest.mark.parametrize("language", languages())
def test_what_is_written_is_said_as_the_tables_have_it(language: str) -> None:
    rows = table(language)
    assert [(written, normalize(written, language).spoken) for written, _ in rows] == rows


def test_every_language_with_rules_has_a_table_of_what_is_said() -> None:
    assert {language.partition("-")[0] for language in languages()} == set(known_languages())


SIGNS = st.text(alphabet="0123456789 .,:;-−–/%°$€£½²+×=#*_~`<>&@()[]|\n\u00a0kmhpI V'a", max_size=60)


@given(text=st.text(max_size=80) | SIGNS, language=st.sampled_from([*known_languages(), "pt-PT", "xx"]))
def test_any_text_keeps_its_way_back_and_stays_within_bounds(text: str, language: str) -> None:
    rewriting = normalize(text, language)
    assert rewriting.original == text
    assert rewriting.original_end(len(rewriting.spoken)) == len(text)
    assert len(rewriting.spoken) <= 40 * len(text)


@pytest.mark.parametrize("language", known_languages())
def test_a_number_of_a_thousand_digits_is_said_digit_by_digit(language: str) -> None:
    spoken = [normalize("7" * digits, language).spoken.replace(" ", "") for digits in (20, 1000)]
    assert spoken[1] == spoken[0] * 50


def test_a_language_without_rules_loses_markup_and_pictures_only() -> None:
    assert normalize("**5** 😀 %", "xx").spoken == "5  %"


def test_where_only_the_unreadable_is_changed_numbers_and_markup_stay() -> None:
    assert normalize("**5** ＨＩ 😀 $20", "en", only_unreadable=True).spoken == "**5** HI  $20"


def test_what_is_not_replaced_keeps_its_place() -> None:
    rewriting = normalize("Take **5** km, now", "en")
    words = rewriting.spoken
    assert words == "Take five kilometers, now"
    assert rewriting.original_end(words.index("five")) == len("Take **")
    assert rewriting.original_end(words.index(", now")) == len("Take **5** km")


def test_what_clients_call_languages_is_not_remembered() -> None:
    normalize("1", "en")
    before = _reader.cache_info().currsize
    for number in range(300):
        normalize("1", f"x{number}")
        normalize("1", f"EN-{number}")
        normalize("1", f"en_{number:02}")
    assert _reader.cache_info().currsize == before


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("- milk\n- eggs\n- bread", "milk.\neggs.\nbread"),
        ("# Groceries\nmilk", "Groceries.\nmilk"),
        ("**Done**\n\nNext", "Done.\n\nNext"),
        ("Done!\n\nNext", "Done!\n\nNext"),
        ("a line that is\nwrapped", "a line that is\nwrapped"),
        ("第一段\n\n第二段", "第一段。\n\n第二段"),
    ],
)
def test_paragraphs_headings_and_items_do_not_run_into_what_follows(written: str, said: str) -> None:
    assert normalize(written, "en").spoken == said


def unlisted(language: str) -> set[str]:
    """Abbreviations with a full stop that are said, and that the tables of stops do not have."""
    said, stops = load_language(language), (stop_table(language), stop_table(INTERNATIONAL))
    tables = (said.abbreviations, said.abbreviations_before_numbers, said.abbreviations_before_names)
    written = {key for table in tables for key in table if key.endswith(".")}
    # Of "в г." the last word, of "z. B." all.
    names = {key: {part.rpartition(" ")[2][:-1] for part in (key, re.sub(r"(?<=\.) ", "", key))} for key in written}
    return {key for key in written if not any(stop.kinds_of(name) for stop in stops for name in names[key])}


@pytest.mark.parametrize("language", known_languages())
def test_the_stops_of_all_abbreviations_that_are_said_are_in_the_one_table_of_stops(language: str) -> None:
    assert unlisted(language) == set()
