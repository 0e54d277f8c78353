import logging

import pytest

from streaming.engine.contract import EngineInfo
from streaming.errors import UnknownLanguage
from streaming.speech.language import MOST_LOGGED, LanguageChooser, known_language

XTTS = ("ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
CLONING = EngineInfo("cloning", 24_000, XTTS, clones=True)
EMBEDDED = EngineInfo("demo", 22_050, ("en",), clones=False)


def chosen(asked: str | None, default: str, info: EngineInfo) -> str:
    return LanguageChooser().choose(asked, default, info)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-US", "en"),
        ("zh-CN", "zh"),
        ("pt_BR", "pt"),
        (" de ", "de"),
        ("zh-Hans-CN", "zh"),
        # Regions that read numbers in their own way.
        ("pt-PT", "pt-PT"),
        ("ES_mx", "es-MX"),
        ("pt-../pt-PT", "pt"),
    ],
)
def test_a_language_is_meant_by_its_first_part_in_any_case(asked: str, spoken: str) -> None:
    assert chosen(asked, "fr", CLONING) == spoken


@pytest.mark.parametrize("languages", [("en", "zh-cn"), ("zh-CN",)])
def test_the_engine_hears_its_own_spelling(languages: tuple[str, ...]) -> None:
    assert known_language("zh", languages) == languages[-1]


def test_without_a_wish_the_default_is_spoken() -> None:
    assert chosen(None, "fr-FR", CLONING) == "fr"


@pytest.mark.parametrize("asked", ["sv", "e", "english", "-", "\N{GRINNING FACE}"])
def test_a_wish_that_cannot_be_fulfilled_falls_back_to_the_default(
    asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "streaming.speech.language"):
        assert chosen(asked, "fr-FR", CLONING) == "fr"
    assert any(repr(asked) in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("asked", [None, "tlh"])
def test_a_voice_in_a_language_that_nobody_speaks_is_an_error(asked: str | None) -> None:
    with pytest.raises(UnknownLanguage, match="does not speak 'sv', the language of this voice or of the settings"):
        chosen(asked, "sv", CLONING)


def test_the_embedded_voice_speaks_everything_as_it_can_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    chooser = LanguageChooser()
    with caplog.at_level(logging.INFO, "streaming.speech.language"):
        spoken = [chooser.choose("tlh", "en", EMBEDDED) for _ in range(3)]
    assert spoken == ["en"] * 3
    assert [record.getMessage() for record in caplog.records] == ["The engine demo does not speak the language 'tlh'"]


@pytest.mark.parametrize(("asked", "spoken"), [(None, "sv"), ("tlh", "tlh")])
def test_the_embedded_voice_takes_even_a_language_that_nobody_knows(asked: str | None, spoken: str) -> None:
    assert chosen(asked, "sv", EMBEDDED) == spoken


def test_clients_that_make_languages_up_cannot_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    chooser = LanguageChooser()
    with caplog.at_level(logging.INFO, "streaming.speech.language"):
        for number in [*range(3 * MOST_LOGGED), *range(3 * MOST_LOGGED)]:
            chooser.choose(f"x{number}", "en", EMBEDDED)
    assert len(caplog.records) == MOST_LOGGED + 1
    assert caplog.records[-1].getMessage().endswith("no more are logged")


def test_regions_of_a_language_are_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    chooser = LanguageChooser()
    with caplog.at_level(logging.INFO, "streaming.speech.language"):
        for region in ("tlh", "tlh-QO", "TLH_qo"):
            chooser.choose(region, "en", EMBEDDED)
    assert len(caplog.records) == 1
