import pytest

from streaming.http.language_names import code_of_language, language_name


@pytest.mark.parametrize(
    ("code", "name"), [("de", "German"), ("zh", "Chinese"), ("yue", "Cantonese"), ("gu", "Gujarati"), ("tlh", "tlh")]
)
def test_a_code_has_an_english_name(code: str, name: str) -> None:
    assert language_name(code) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("German", "de"),
        (" german ", "de"),
        ("Deutsch", "de"),
        ("русский", "ru"),
        ("Mandarin", "zh"),
        ("Chinese", "zh"),
        ("English", "en"),
        ("Spanish", "es"),
        ("Klingon", None),
        ("", None),
    ],
)
def test_a_name_in_english_or_its_own_language_has_a_code(name: str, code: str | None) -> None:
    assert code_of_language(name) == code
