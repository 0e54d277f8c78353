import pytest

from voices.known_ids import OPENAI_NAMES, stand_ins


def test_openais_names_are_those_that_its_clients_offer() -> None:
    assert {"alloy", "echo", "fable", "onyx", "nova", "shimmer", "marin", "cedar"} < set(OPENAI_NAMES)


@pytest.mark.parametrize("name", OPENAI_NAMES)
def test_an_openai_name_speaks_with_the_default_voice_or_the_embedded_one(name: str) -> None:
    assert stand_ins(name, None) == ("default", "demo")


def test_the_settings_name_one_voice_for_all_names_or_one_for_some() -> None:
    assert stand_ins("alloy", "anna") == stand_ins("verse", "anna") == ("anna",)
    assert stand_ins("alloy", {"alloy": "mira"}) == ("mira",)
    assert stand_ins("nova", {"alloy": "mira"}) == ("default", "demo")


@pytest.mark.parametrize("name", ["Alloy", "anna", "", "alloy ", "default"])
def test_nobody_stands_in_for_any_other_name(name: str) -> None:
    assert stand_ins(name, "anna") == ()
