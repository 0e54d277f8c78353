import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.engine.demo.spelling import can_be_said, readable, without_idle_stops


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Nguyễn Đặng", "Nguyen Đang"),
        ("25 °C © 2024", "25 °C © 2024"),
        ("**bold** _it_ `code`", "  bold    it   code "),
        ("a\0b [[x]]", "a b   x  "),
        ("café, naïve, Łódź", "café, naïve, Łódź"),
        ("Привет, 世界", "Привет, 世界"),
    ],
)
def test_a_voice_is_given_letters_that_it_can_say(text: str, read: str) -> None:
    assert readable(text, "en") == read


def test_letters_of_the_language_itself_are_kept() -> None:
    assert readable("Nguyễn", "vi") == "Nguyễn"
    assert readable("București", "ro-RO") == "București"


@given(st.text(max_size=200))
def test_it_is_read_character_for_character(text: str) -> None:
    assert len(readable(text, "en")) == len(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Dr. Smith met Mrs. Jones.", "Dr Smith met Mrs Jones."),
        ("J. S. Bach wrote it. He did.", "J S Bach wrote it. He did."),
        ("No stops", "No stops"),
        ("It ends. \n", "It ends. \n"),
        ("Well... yes", "Well... yes"),
        ("3.5 is more. ", "3.5 is more. "),
        ("", ""),
    ],
)
def test_a_stop_that_ends_no_sentence_is_laid_aside(text: str, read: str) -> None:
    assert without_idle_stops(text, "en") == read


@pytest.mark.parametrize(
    ("text", "can"), [("a", True), ("7", True), ("$", True), ("100%", True), ("...", False), (" ", False)]
)
def test_marks_alone_cannot_be_said(text: str, can: bool) -> None:
    assert can_be_said(text) is can
