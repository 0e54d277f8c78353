import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.text.scripts import runs


def parts(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(text[start:end], found) for start, end, found in runs(text, language)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Привет, это тест.", "ru"),
        ("Привіт, як справи?", "uk"),
        ("Дзень добры, як ваша імя? Ўсё", "be"),
        ("Љубав и мир", "sr"),
        ("Қазақстан", "kk"),
        ("Γεια σου κόσμε", "el"),
        ("שלום עולם", "he"),
        ("مرحبا بالعالم", "ar"),
        ("سلام، چطور هستید؟", "fa"),
        ("नमस्ते दुनिया", "hi"),
        ("สวัสดี", "th"),
        ("안녕하세요", "ko"),
        ("你好，世界。", "zh"),
        ("東京タワーです", "ja"),
        ("გამარჯობა", "ka"),
        ("Բարեւ", "hy"),
    ],
)
def test_a_text_in_another_script_is_in_a_language_of_that_script(text: str, language: str) -> None:
    assert parts(text) == [(text, language)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Здравей, свят", "bg"),
        ("東京", "ja"),
        ("मराठी", "mr"),
        ("Zdravo, Љубав", "sr"),
        ("Olá", "pt-BR"),
        ("你好", "zh-CN"),
    ],
)
def test_the_language_that_was_asked_for_keeps_what_is_in_its_own_script(text: str, language: str) -> None:
    assert parts(text, language) == [(text, language)]


def test_a_name_in_another_script_is_a_part_of_its_own() -> None:
    assert parts("My friend Иван lives in 北京, near «Парк».") == [
        ("My friend ", "en"),
        ("Иван ", "ru"),
        ("lives in ", "en"),
        ("北京, ", "zh"),
        ("near ", "en"),
        ("«Парк».", "ru"),
    ]


def test_latin_words_in_a_text_of_another_script_are_english() -> None:
    assert parts("Я купил iPhone 15 сегодня.", "ru") == [("Я купил ", "ru"), ("iPhone 15 ", "en"), ("сегодня.", "ru")]


def test_scripts_without_blanks_are_parted_at_their_letters() -> None:
    assert parts("我用iPhone打电话", "zh") == [("我用", "zh"), ("iPhone", "en"), ("打电话", "zh")]


@pytest.mark.parametrize("text", ["The angle α is 5 μm.", "E = mc², Ω", "✓ 😀 — 12", "ＨＥＬＬＯ", "Nguyễn"])
def test_signs_and_letters_that_tell_no_language_stay_with_the_text(text: str) -> None:
    assert parts(text) == [(text, "en")]


def test_a_text_without_letters_is_in_the_language_that_was_asked_for() -> None:
    assert parts("15:30 !", "de") == [("15:30 !", "de")]
    assert parts("", "de") == []


@given(st.text(alphabet="ab яж世ア가α 1.,(«»)\n", max_size=300), st.sampled_from(["en", "ru", "ja", "xx"]))
def test_the_parts_are_the_whole_text_in_order(text: str, language: str) -> None:
    found = list(runs(text, language))
    assert "".join(text[start:end] for start, end, _ in found) == text
    assert all(start < end for start, end, _ in found)
