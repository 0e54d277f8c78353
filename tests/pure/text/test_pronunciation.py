"""What is said in place of what is written."""

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.text.pronunciation import Alias, Pronouncer
from streaming.text.rewriting import Rewriting, Segment

Form = Literal["NFC", "NFD"]
FORMS: list[Form] = ["NFC", "NFD"]
LETTERS = st.text("abAB ßé\u0301스ʻ가1.-", max_size=30)
RULES = st.lists(
    st.builds(Alias, st.text("abAB é", min_size=1, max_size=4), st.text(max_size=6), st.booleans(), st.booleans()),
    max_size=6,
)


def said(text: str, *rules: Alias) -> str:
    return Pronouncer(rules).pronounce(text).spoken


def test_a_word_is_said_as_its_alias() -> None:
    assert Pronouncer([Alias("GIF", "jif")]).pronounce("A GIF.") == Rewriting(
        (Segment("A ", "A "), Segment("GIF", "jif"), Segment(".", "."))
    )


def test_without_rules_nothing_changes() -> None:
    assert Pronouncer().pronounce("A GIF.") == Rewriting.unchanged("A GIF.")


def test_nothing_stays_nothing() -> None:
    assert Pronouncer([Alias("GIF", "jif")]).pronounce("") == Rewriting.unchanged("")


@pytest.mark.parametrize("text", ["GIFs", "aGIF", "GIF2", "éGIF", "GIFé", "GIFe\u0301", "GIF가"])
def test_a_part_of_a_word_is_left_alone(text: str) -> None:
    assert said(text, Alias("GIF", "jif")) == text


@pytest.mark.parametrize("text", ["GIF's", "(GIF)", "GIF-like", "GIF", "“GIF”", "GIF图", "图GIF"])
def test_a_word_ends_where_no_word_goes_on(text: str) -> None:
    assert said(text, Alias("GIF", "jif")) == text.replace("GIF", "jif")


def test_a_rule_may_ask_for_parts_of_words() -> None:
    assert said("GIFs", Alias("GIF", "jif", whole_words=False)) == "jifs"


def test_in_a_script_without_blanks_a_word_is_found() -> None:
    assert said("我爱重庆市。", Alias("重庆", "虫庆")) == "我爱虫庆市。"


@pytest.mark.parametrize("rule", ["C++", ".NET", "&", "e.g."])
def test_a_rule_may_begin_and_end_with_marks(rule: str) -> None:
    assert said(f"I know {rule}, too", Alias(rule, "this")) == "I know this, too"


def test_case_counts() -> None:
    assert said("IT is it", Alias("IT", "eye tee")) == "eye tee is it"


@pytest.mark.parametrize("text", ["straße", "STRASSE", "Straße", "strasse"])
def test_case_does_not_count_where_the_rule_says_so(text: str) -> None:
    assert said(text, Alias("Strasse", "street", case_sensitive=False)) == "street"


def test_half_a_character_is_not_replaced() -> None:
    assert said("ß", Alias("s", "x", case_sensitive=False, whole_words=False)) == "ß"


@pytest.mark.parametrize("written", FORMS)
@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("word", ["Zoë", "서울", "VŨ"])
def test_a_character_is_the_same_in_both_spellings(word: str, written: Form, text: Form) -> None:
    rule = Alias(unicodedata.normalize(written, word), "this")
    assert said(unicodedata.normalize(text, f"{word}!"), rule) == "this!"


def test_a_letter_is_not_found_in_a_letter_with_a_mark() -> None:
    assert said("e\u0301", Alias("e", "x", whole_words=False)) == "e\u0301"


@pytest.mark.parametrize("order", [1, -1])
def test_the_longest_rule_is_first(order: int) -> None:
    rules = [Alias("New York", "the city"), Alias("New", "old"), Alias("New York Times", "the paper")]
    assert said("New York Times, New York, New", *rules[::order]) == "the paper, the city, old"


def test_a_shorter_rule_fits_where_a_longer_one_does_not() -> None:
    assert said("New Yorkers", Alias("New York", "the city"), Alias("New", "old")) == "old Yorkers"


def test_case_sensitive_rules_win_over_others() -> None:
    rules = [Alias("it", "it", case_sensitive=False), Alias("IT", "eye tee")]
    assert said("It IT", *rules) == "it eye tee"


def test_the_first_of_equal_rules_wins() -> None:
    assert said("GIF", Alias("GIF", "jif"), Alias("GIF", "ghif")) == "jif"


def test_no_rule_sees_what_another_said() -> None:
    assert said("a b", Alias("a", "b"), Alias("b", "a")) == "b a"


@given(LETTERS, RULES)
def test_the_original_is_the_text(text: str, rules: list[Alias]) -> None:
    assert Pronouncer(rules).pronounce(text).original == text


@given(LETTERS, RULES)
def test_what_no_rule_names_stays(text: str, rules: list[Alias]) -> None:
    aliases = {rule.spoken for rule in rules}
    for segment in Pronouncer(rules).pronounce(text).segments:
        assert segment.original == segment.spoken or segment.spoken in aliases


@given(LETTERS)
def test_a_rule_that_does_not_occur_changes_nothing(text: str) -> None:
    assert Pronouncer([Alias("zzz", "y", case_sensitive=False)]).pronounce(text) == Rewriting.unchanged(text)


def test_an_empty_rule_and_an_empty_text_change_nothing() -> None:
    assert said("word", Alias("", "nothing")) == "word"
    assert said("", Alias("GIF", "jif")) == ""
