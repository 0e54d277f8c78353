"""Bodies and queries are read as loosely as sockets' messages."""

from typing import Any

import pytest
from pydantic import ValidationError

from streaming.http.openai import OpenAISpeechBody
from streaming.http.speech_schemas import DictionaryLocator, GenerationConfig, SpeechBody, SpeechQuery, VoiceSettings
from streaming.http.voice_schemas import VoiceQuery


def openai_body(**values: Any) -> OpenAISpeechBody:
    return OpenAISpeechBody(input="Hello.", voice="demo", **values)


@pytest.mark.parametrize("name", ["stability", "similarity_boost", "style", "speed"])
@pytest.mark.parametrize("value", [True, "1", 1, "1.0"])
def test_a_number_may_be_a_boolean_or_a_text(name: str, value: Any) -> None:
    assert getattr(VoiceSettings(**{name: value}), name) == 1.0


@pytest.mark.parametrize("name", list(VoiceSettings.model_fields))
@pytest.mark.parametrize("value", [None, "", "null"])
def test_null_is_not_given(name: str, value: Any) -> None:
    assert getattr(VoiceSettings(**{name: value}), name) is None


@pytest.mark.parametrize("value", [1, "1", "True", True, "yes"])
def test_a_boolean_may_be_a_number_or_a_text(value: Any) -> None:
    assert VoiceSettings(use_speaker_boost=value).use_speaker_boost is True


@pytest.mark.parametrize(("value", "seed"), [("42", 42), (42.0, 42), (True, 1), (None, None)])
def test_a_seed_may_be_a_text(value: Any, seed: int | None) -> None:
    assert SpeechBody(text="Hello.", seed=value).seed == seed


@pytest.mark.parametrize(
    ("value", "word"),
    [(True, "on"), ("ON", "on"), (" Auto ", "on"), (False, "off"), ("off", "off"), (None, None), ("null", None)],
)
def test_whether_text_is_normalized_is_read_as_on_sockets(value: Any, word: str | None) -> None:
    assert SpeechBody(text="Hello.", apply_text_normalization=value).apply_text_normalization == word


@pytest.mark.parametrize("value", ["sometimes", [], {}, 7])
def test_another_word_for_normalization_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="auto, on or off"):
        SpeechBody(text="Hello.", apply_text_normalization=value)


@pytest.mark.parametrize("name", ["stability", "similarity_boost", "style", "speed", "use_speaker_boost"])
@pytest.mark.parametrize("value", ["maybe", [], {}, float("nan"), 10**400])
def test_what_cannot_be_read_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        VoiceSettings(**{name: value})
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize(
    ("name", "lowest", "highest"), [("temperature", 0.01, 2), ("top_k", 0, 1000), ("top_p", 0.01, 1)]
)
def test_how_tokens_are_sampled_has_a_range(name: str, lowest: float, highest: float) -> None:
    taken: dict[Any, float | None] = {lowest: lowest, str(highest): highest, None: None, "null": None}
    for value, number in taken.items():
        assert getattr(GenerationConfig(**{name: value}), name) == getattr(openai_body(**{name: value}), name) == number
    refused: list[Any] = [lowest - 0.005, highest + 1, "warm", [], float("nan")]
    for value in refused:
        for kind in (GenerationConfig, openai_body):
            with pytest.raises(ValidationError) as caught:
                kind(**{name: value})
            assert [error["loc"] for error in caught.value.errors()] == [(name,)]


@pytest.mark.parametrize("value", [None, "", "null"])
def test_null_stands_for_the_default_of_a_format(value: Any) -> None:
    body = openai_body(response_format=value, stream_format=value, speed=value)
    assert (body.response_format, body.stream_format, body.speed) == ("mp3", "audio", None)
    assert SpeechQuery(output_format=value).output_format == "mp3_44100_128"


def test_null_stands_for_the_defaults_of_a_search() -> None:
    nothing: Any = {"page_size": "null", "sort": "", "sort_direction": None, "voice_type": "None"}
    assert VoiceQuery(**nothing) == VoiceQuery()
    assert VoiceQuery.model_validate({"page_size": "7"}).page_size == 7


@pytest.mark.parametrize(("value", "speed"), [(0.1, 0.5), (4, 2.0), ("3", 2.0), (0.7, 0.7), (-1, 0.5)])
def test_elevenlabs_endpoints_take_the_nearest_speed(value: Any, speed: float) -> None:
    assert VoiceSettings(speed=value).speed == speed


@pytest.mark.parametrize(("value", "speed"), [(0.1, 0.25), (0.25, 0.25), (4, 4.0), ("9", 4.0), (3, 3.0)])
def test_openais_endpoint_takes_the_nearest_speed_of_its_own_range(value: Any, speed: float) -> None:
    assert openai_body(speed=value).speed == speed


@pytest.mark.parametrize("value", [[], ["a"], "a", 3, True])
@pytest.mark.parametrize("name", ["voice_settings", "generation_config"])
def test_what_is_no_object_is_refused_for_one(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match="Input should be an object"):
        SpeechBody(text="Hello.", **{name: value})


@pytest.mark.parametrize("locators", [[[]], ["a"], [3]])
def test_a_list_of_objects_holds_nothing_else(locators: list[Any]) -> None:
    with pytest.raises(ValidationError, match="Input should be an object"):
        SpeechBody(text="Hello.", pronunciation_dictionary_locators=locators)


def test_objects_are_read_from_objects_and_null() -> None:
    sent: dict[str, Any] = {
        "text": "Hello.",
        "voice_settings": {"speed": 1.1},
        "generation_config": None,
        "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "a"}],
    }
    body = SpeechBody.model_validate(sent)
    assert body.voice_settings == VoiceSettings(speed=1.1)
    assert body.generation_config is None
    assert body.pronunciation_dictionary_locators == [DictionaryLocator(pronunciation_dictionary_id="a")]
