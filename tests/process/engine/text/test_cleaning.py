"""What is said for a text. The vocabulary is that of a random checkpoint: lower case, no pictures, no CJK."""

from typing import TYPE_CHECKING

import pytest

from streaming.engine.text.cleaning import TextCleaner, mark_long_numbers

if TYPE_CHECKING:
    from streaming.engine.checkpoint.coqui import XttsParts

DIGITS = "one two three four five six seven eight nine zero"


@pytest.fixture(scope="module")
def cleaner(tiny_parts: "XttsParts") -> TextCleaner:
    return TextCleaner(tiny_parts.tokenizer)


def said(cleaner: TextCleaner, text: str, language: str = "en") -> str:
    return cleaner.clean(mark_long_numbers(text), language)


# Characters that the model does not know


@pytest.mark.parametrize(
    "nothing",
    [
        "😀",
        "👍🏽",
        "👨‍👩‍👧",
        "🇩🇪",
        "\x00",
        "\x1b",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\ud800",
        "\ue0d5",
        "\U0010ffff",
        "™",
    ],
)
def test_what_cannot_be_said_is_left_out(cleaner: TextCleaner, nothing: str) -> None:
    assert said(cleaner, f"good {nothing} day{nothing}") == "good day"


def test_a_picture_parts_words(cleaner: TextCleaner) -> None:
    assert said(cleaner, "good👍day") == "good day"
    assert said(cleaner, "good 👍.") == "good ."


def test_an_invisible_character_does_not_part_a_word(cleaner: TextCleaner) -> None:
    assert said(cleaner, "to\u00adday and to\u200bmorrow") == "today and tomorrow"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("你好", "nihao"),
        ("𝐇𝐞𝐥𝐥𝐨", "hello"),
        ("Ｈｉ！", "hi!"),
        ("cafe\u0301", "café"),
        ("3½", "three one/two"),
        ("m²", "m two"),
        ("20℃", "twenty degree c"),
        ("٣ apples", "three apples"),
        ("¥5", "yen five"),
    ],
)
def test_what_the_model_does_not_know_is_said_in_what_it_knows(cleaner: TextCleaner, text: str, words: str) -> None:
    assert said(cleaner, text) == words


def test_upper_case_from_the_number_library_is_lowered(cleaner: TextCleaner) -> None:
    assert said(cleaner, "12,5 Sekunden", "de") == "zwölf komma fünf sekunden"


def test_korean_in_parts_is_put_together(cleaner: TextCleaner) -> None:
    assert said(cleaner, "\u1112\u1161\u11ab", "ko") == said(cleaner, "한", "ko") == "han"


@pytest.mark.parametrize(
    ("text", "words"), [("café", "cafe"), ("Москва", "moskva"), ("雨😀", "ame"), ("5€", "5 euro"), ("か\u3099", "ga")]
)
def test_japanese_has_no_question_marks_for_what_its_cleaner_does_not_know(
    cleaner: TextCleaner, text: str, words: str
) -> None:
    assert said(cleaner, text, "ja") == words


@pytest.mark.parametrize("token", ["[en]", "[de]", "[zh-cn]", "[STOP]", "[SPACE]", '[e"n]'])
def test_no_text_gives_commands_to_the_model(cleaner: TextCleaner, tiny_parts: "XttsParts", token: str) -> None:
    commands = [added.content for added in tiny_parts.tokenizer.tokenizer.get_added_tokens_decoder().values()]
    words = said(cleaner, f"he said {token} was")
    assert words.startswith("he said ")
    assert not any(command in words for command in commands)


# Numbers


@pytest.mark.parametrize("separator", ["", ".", ",", ".,"])
def test_a_very_long_number_is_said_digit_by_digit(cleaner: TextCleaner, separator: str) -> None:
    assert (
        said(cleaner, separator.join("1234567890" * 5)).replace(".", "").replace(",", "").split() == DIGITS.split() * 5
    )


@pytest.mark.parametrize(
    "language", ["en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh", "hu", "ko", "hi"]
)
def test_the_digits_of_a_long_number_have_words_in_every_language(cleaner: TextCleaner, language: str) -> None:
    digits = [said(cleaner, digit, language) for digit in "123"]
    spelled = said(cleaner, "123" * 10, language)
    assert "".join(spelled.split()) == "".join(digits * 10)


def test_the_longest_number_that_is_read_as_one(cleaner: TextCleaner) -> None:
    assert said(cleaner, "1" + "0" * 20) == "one hundred quintillion"


def test_marking_keeps_every_place_of_the_text() -> None:
    text = "a " + "1" * 30 + " b 12 " + "3.14" * 40
    marked = mark_long_numbers(text)
    assert len(marked) == len(text)
    assert [index for index, char in enumerate(text) if char != marked[index]] == [
        index for index, char in enumerate(text) if char.isdecimal() and not 34 < index < 38
    ]


def test_an_ordinal_number_that_the_czech_cleaner_fails_on_is_said(cleaner: TextCleaner) -> None:
    assert said(cleaner, "Bylo to v roce 2024.", "cs") == "bylo to v roce dva tisíce dvacet čtyři."


def test_a_decimal_that_the_italian_cleaner_fails_on_is_said_digit_by_digit(cleaner: TextCleaner) -> None:
    assert said(cleaner, "12345678901234567,5", "it").split()[:3] == ["uno", "due", "tre"]


def test_numbers_in_hindi(cleaner: TextCleaner) -> None:
    assert said(cleaner, "मेरे पास 50% है।", "hi") == "मेरे पास पचास प्रतिशत है।"


def test_a_language_without_a_cleaner_is_said_as_it_is_written(cleaner: TextCleaner) -> None:
    assert said(cleaner, "God  dag, 5 venner!", "da") == "god dag, 5 venner!"


@pytest.mark.parametrize("language", ["en", "ja", "zh", "ko", "hi"])
@pytest.mark.parametrize("text", ["", " ", "\n", "\x00", "…", "\ud800"])
def test_nothing_stays_nothing(cleaner: TextCleaner, text: str, language: str) -> None:
    assert not any(map(str.isalnum, said(cleaner, text, language)))
