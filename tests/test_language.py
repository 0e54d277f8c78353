import logging

import pytest

from streaming.engine.contract import EngineInfo
from streaming.language import UnknownLanguage, known_language, spoken_language

XTTS = ("ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
CLONING = EngineInfo("cloning", 24_000, XTTS, clones=True)
EMBEDDED = EngineInfo("demo", 22_050, ("en",), clones=False)


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
    ],
)
def test_a_language_is_meant_by_its_first_part_in_any_case(asked: str, spoken: str) -> None:
    assert spoken_language(asked, "fr", CLONING) == spoken


@pytest.mark.parametrize("languages", [("en", "zh-cn"), ("zh-CN",)])
def test_the_engine_hears_its_own_spelling(languages: tuple[str, ...]) -> None:
    assert known_language("zh", languages) == languages[-1]


def test_without_a_wish_the_default_is_spoken() -> None:
    assert spoken_language(None, "fr-FR", CLONING) == "fr"


@pytest.mark.parametrize("asked", ["sv", "e", "english", "-", "\N{GRINNING FACE}"])
def test_what_the_engine_does_not_speak_is_refused_by_name(asked: str) -> None:
    with pytest.raises(UnknownLanguage, match="is not spoken here; the languages are ar, cs, de, en,") as refusal:
        spoken_language(asked, "en", CLONING)
    assert repr(asked) in str(refusal.value)
    assert refusal.value.is_clients


def test_a_wrong_language_of_voice_or_settings_is_not_the_fault_of_the_client() -> None:
    with pytest.raises(UnknownLanguage, match="of this voice, or of the server's settings, 'sv'") as refusal:
        spoken_language(None, "sv", CLONING)
    assert not refusal.value.is_clients


def test_the_embedded_voice_speaks_everything_as_it_can_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "streaming.language"):
        spoken = [spoken_language("tlh", "en", EMBEDDED) for _ in range(3)]
    assert spoken == ["tlh"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "The engine demo does not know the language 'tlh'; it speaks such texts as it can"
    ]
