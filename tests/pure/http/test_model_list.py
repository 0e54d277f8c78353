import pytest

from streaming.http.model_list import languages_of


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("en", ["en", "de", "zh"]),
        ("de", ["de", "en", "zh"]),
        ("zh-CN", ["zh", "en", "de"]),
        ("fr", ["en", "de", "zh"]),
    ],
)
def test_the_default_language_is_the_first_of_a_model(default: str, expected: list[str]) -> None:
    assert [language.language_id for language in languages_of(("en", "de", "zh-cn"), default)] == expected
