"""Names and shapes on the wire."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import Fault, ProtocolError
from streaming.protocol.dialect import Dialect
from streaming.protocol.messages import (
    ClientMessage,
    audio_message,
    context_message_of,
    context_of,
    error_message,
    final_message,
    is_init,
    message_of,
    read_object,
)
from streaming.protocol.packet import Alignment, Packet

ALIGNMENT = Alignment(["a", "b"], [5, 10], [5, 10])
TWO = Alignment(["ä", '"'], [0, 30], [30, 30])
AUDIO = Packet(b"ABC")
A_AND_B = {"chars": ["a", "b"], "charStartTimesMs": [5, 10], "charDurationsMs": [5, 10]}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def parse_message(raw: str) -> ClientMessage:
    return message_of(read_object(raw), Dialect.NATIVE)


def parsed(**message: Any) -> ClientMessage:
    return parse_message(json.dumps(message))


def refused(raw: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_message(raw)
    return caught.value


def test_a_text_message() -> None:
    assert parsed(text="Hello ") == ClientMessage(text="Hello ")


def test_an_empty_object_says_nothing() -> None:
    assert parse_message("{}") == ClientMessage()


@pytest.mark.parametrize(("text", "is_end"), [("", True), (" ", False), (None, False), ("Hello", False)])
def test_only_the_empty_text_is_the_end(text: str | None, is_end: bool) -> None:
    assert parsed(text=text).is_end is is_end


def test_flags() -> None:
    message = parsed(flush=True, try_trigger_generation=True)
    assert (message.flush, message.try_trigger) == (True, True)


@pytest.mark.parametrize("value", ["true", "True", 1, "1"])
def test_a_flag_may_be_a_text_or_a_number(value: object) -> None:
    message = parsed(flush=value, try_trigger_generation=value)
    assert (message.flush, message.try_trigger) == (True, True)
    closing = context_message_of({"close_context": value, "close_socket": value})
    assert (closing.is_end, closing.closes_socket) == (True, True)


@pytest.mark.parametrize("value", [None, False, "false", 0, "null", ""])
def test_flags_that_are_not_set(value: object) -> None:
    message = parsed(flush=value, try_trigger_generation=value)
    assert (message.flush, message.try_trigger) == (False, False)


@pytest.mark.parametrize("name", ["flush", "try_trigger_generation"])
@pytest.mark.parametrize("value", [2, "maybe", [], {}])
def test_a_flag_must_be_a_boolean(name: str, value: object) -> None:
    assert name in refused(json.dumps({name: value})).message


@pytest.mark.parametrize("value", [1, True, ["Hello"], {"text": "Hello"}])
def test_text_must_be_a_string(value: object) -> None:
    assert "text" in refused(json.dumps({"text": value})).message


@pytest.mark.parametrize("raw", ["", "{", "{]", "'", "\ufeff{}", "nul", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_json_is_refused(raw: str) -> None:
    assert refused(raw).code == "invalid_input_message"


@pytest.mark.parametrize("raw", ["[]", "1", "null", "true", '"text"', "NaN"])
def test_json_that_is_no_object_is_refused(raw: str) -> None:
    assert "object" in refused(raw).message


def test_a_number_with_more_digits_than_python_reads_is_refused() -> None:
    assert refused('{"speed": 1' + 5000 * "0" + "}").code == "invalid_input_message"


def test_nesting_up_to_the_limit_of_the_parser_is_refused() -> None:
    for depth in range(800, 1000):
        assert refused('{"generation_config": {"speed": ' + depth * "[" + depth * "]" + "}}")


@given(st.text(st.characters(categories=["Cs", "Lu"]), min_size=1))
def test_half_a_character_becomes_a_replacement_and_the_rest_stays(text: str) -> None:
    whole = json.loads(json.dumps(text))
    assert parsed(text=text).text == whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_half_a_character_can_be_encoded() -> None:
    assert parse_message('{"text": "a\\ud800b\\udc00"}').text == "a\ufffdb\ufffd"


def test_a_whole_character_outside_the_basic_plane_stays() -> None:
    assert parse_message('{"text": "\\ud83d\\ude00"}').text == "😀"


def test_an_init_carries_every_parameter_at_its_top_level() -> None:
    message = parsed(type="ttsInitRequest", stream_chunk_size=3, sync_alignment=True, language_code="ru")
    assert message.is_init
    assert message.settings == {"stream_chunk_size": 3, "sync_alignment": True, "language": "ru"}


def test_another_message_carries_only_hard_parameters_at_its_top_level() -> None:
    assert parsed(output_format="pcm_16000", speed=1.5).settings == {"output_format": "pcm_16000"}


@pytest.mark.parametrize("key", ["generation_config", "generator_config"])
def test_settings_come_in_either_spelling(key: str) -> None:
    assert parsed(**{key: {"speed": 1.5, "stream_chunk_size": 3}}).settings == {"speed": 1.5, "stream_chunk_size": 3}


def test_hard_and_soft_settings_are_told_apart() -> None:
    message = parsed(generation_config={"speed": 1.5, "mode": "generate"})
    assert (message.hard, message.soft) == ({"mode": "generate"}, {"speed": 1.5})


def test_voice_settings_carry_only_what_belongs_there() -> None:
    settings = parsed(voice_settings={"speed": 1.1, "stability": 0.5, "language": "ru", "mode": "forward"}).settings
    assert settings == {"speed": 1.1, "stability": 0.5}


def test_generation_config_wins_over_the_message_and_that_over_voice_settings() -> None:
    speeds: dict[str, Any] = {"voice_settings": {"speed": 0.7}, "speed": 0.8, "generation_config": {"speed": 0.9}}
    assert parsed(type="ttsInitRequest", **speeds).settings == {"speed": 0.9}
    del speeds["generation_config"]
    assert parsed(type="ttsInitRequest", **speeds).settings == {"speed": 0.8}


@pytest.mark.parametrize("key", ["voice_settings", "generation_config", "generator_config"])
@pytest.mark.parametrize("value", [None, {}])
def test_a_section_may_be_missing(key: str, value: object) -> None:
    assert parsed(**{key: value}).settings == {}


@pytest.mark.parametrize("key", ["voice_settings", "generation_config", "generator_config"])
@pytest.mark.parametrize("value", [[], 1, "speed", True])
def test_a_section_must_be_an_object(key: str, value: object) -> None:
    assert key in refused(json.dumps({key: value})).message


@given(name=st.sampled_from(["xi_api_key", "context_id", "close_context", "close_socket", "whatever"]), value=ANYTHING)
def test_unknown_keys_are_ignored(name: str, value: object) -> None:
    assert parse_message(json.dumps({name: value})) == ClientMessage()


def test_audio() -> None:
    message = json.loads(audio_message(replace(AUDIO, alignment=TWO, normalized_alignment=ALIGNMENT), None))
    aligned = {"chars": ["ä", '"'], "charStartTimesMs": [0, 30], "charDurationsMs": [30, 30]}
    assert message == {"audio": "QUJD", "isFinal": False, "normalizedAlignment": A_AND_B, "alignment": aligned}


def test_audio_without_characters() -> None:
    assert json.loads(audio_message(AUDIO, None)) == {
        "audio": "QUJD",
        "isFinal": False,
        "normalizedAlignment": None,
        "alignment": None,
    }


def test_the_native_final_message_has_no_other_key() -> None:
    assert json.loads(final_message(Dialect.NATIVE)) == {"isFinal": True}


def test_the_final_message_of_the_elevenlabs_dialect_has_audio_that_is_null() -> None:
    """elevenlabs 0.2.27 reads the key of every message, and vocode overlooks a message without it."""
    assert json.loads(final_message(Dialect.ELEVENLABS)) == {"audio": None, "isFinal": True}


def test_an_error_says_it_in_three_ways() -> None:
    message = error_message(Fault("invalid_parameter", 'No "x"\n', 1008))
    assert json.loads(message) == {"message": 'No "x"\n', "error": "invalid_parameter", "code": 1008}


# Contexts


def in_context(**message: Any) -> ClientMessage:
    return context_message_of(read_object(json.dumps(message)))


@pytest.mark.parametrize("key", ["context_id", "contextId"])
def test_a_context_is_named_in_either_spelling(key: str) -> None:
    assert context_of({key: "one"}) == in_context(**{key: "one"}).context == "one"


@pytest.mark.parametrize("message", [{}, {"context_id": None}, {"context_id": ""}, {"contextId": None}])
def test_without_a_name_it_is_the_default_context(message: dict[str, Any]) -> None:
    assert context_of(message) == in_context(**message).context == "default"


def test_the_second_spelling_counts_where_the_first_is_empty() -> None:
    assert context_of({"context_id": None, "contextId": "one"}) == "one"


@pytest.mark.parametrize("value", [0, 1, True, [], {}, 1.5, "x" * 201])
def test_a_name_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError, match="context_id"):
        context_of({"context_id": value})


def test_half_a_character_in_a_name_becomes_a_replacement() -> None:
    assert context_of({"context_id": "a\ud800"}) == "a\ufffd"


def test_in_a_context_the_empty_text_says_nothing() -> None:
    assert in_context(text="") == ClientMessage()
    assert in_context(text="", flush=True) == ClientMessage(flush=True)


def test_closing_a_context_is_its_end_whatever_the_text() -> None:
    assert in_context(close_context=True).is_end
    assert in_context(text="More", close_context=True) == ClientMessage(text="")


def test_the_socket_can_be_closed_on_multi_only() -> None:
    assert in_context(close_socket=True).closes_socket
    assert not message_of({"close_socket": True}, Dialect.NATIVE).closes_socket


@pytest.mark.parametrize("name", ["close_context", "close_socket", "flush", "try_trigger_generation"])
def test_a_flag_of_a_context_must_be_a_boolean(name: str) -> None:
    with pytest.raises(ProtocolError, match=name):
        in_context(**{name: "maybe"})


def test_a_context_carries_settings_like_any_message() -> None:
    message = in_context(
        voice_settings={"speed": 1.1}, generation_config={"chunk_length_schedule": [50]}, language="ru"
    )
    assert message.settings == {"speed": 1.1, "chunk_length_schedule": (50,)}


def test_there_is_no_init_in_a_context() -> None:
    assert not in_context(type="ttsInitRequest", speed=2).is_init
    assert in_context(type="ttsInitRequest", speed=2).settings == {}


@pytest.mark.parametrize(("data", "expected"), [({"type": "ttsInitRequest"}, True), ({"type": 1}, False), ({}, False)])
def test_an_init_is_known_by_its_type(data: dict[str, Any], expected: bool) -> None:
    assert is_init(data) is expected


NAMED = {"contextId": 'a"b', "context_id": 'a"b'}


def test_every_answer_names_its_context_in_both_spellings() -> None:
    assert json.loads(audio_message(AUDIO, 'a"b')).items() >= NAMED.items()
    assert json.loads(final_message(Dialect.ELEVENLABS, 'a"b')) == {"audio": None, "isFinal": True, **NAMED}
    error = error_message(Fault("e", "m", 1008), context='a"b')
    assert json.loads(error) == {"message": "m", "error": "e", "code": 1008, **NAMED}
