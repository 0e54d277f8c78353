"""Types, ranges and names of the parameters, from a query and from JSON."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import ProtocolError
from streaming.protocol.dialect import NATIVE_BY_THEMSELVES, NATIVE_ONLY, Dialect
from streaming.protocol.parameters import (
    ALIASES,
    HARD,
    PARSERS,
    VOICE_SETTINGS,
    Parameters,
    parse_parameters,
)
from tests.pure.protocol.test_messages import ANYTHING

RANGES = [
    ("speed", 0.5, 2.0),
    ("stream_chunk_size", 1, 100),
    ("overlap_wav_len", 0, 4096),
    ("left_context_seconds", 0, 10),
    ("target_lead_ms", 0, 5000),
    ("seed", 0, 4294967295),
    ("temperature", 0.01, 2),
    ("top_k", 0, 1000),
    ("top_p", 0.01, 1),
    ("stability", 0, 1),
    ("similarity_boost", 0, 1),
    ("style", 0, 1),
]
INTEGERS = ["stream_chunk_size", "overlap_wav_len", "seed", "top_k"]
SCHEDULES = [("chunk_length_schedule", 500), ("chunk_length_schedule_frames", 100)]
TRUE: list[object] = ["true", "True", "TRUE", "1", 1, True]
FALSE: list[object] = ["false", "False", "0", 0, False]
NO_LISTS: list[object] = [{}, 5, True, "1,,2", "a"]
BOOLEANS = ["sync_alignment", "auto_mode", "use_speaker_boost"]


def parsed(name: str, value: object) -> Any:
    return parse_parameters({name: value}, Dialect.NATIVE)[ALIASES.get(name, name)]


def refusal(name: str, value: object) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_parameters({name: value}, Dialect.NATIVE)
    return caught.value.message


def test_every_parameter_has_a_parser() -> None:
    assert PARSERS.keys() == {field.name for field in fields(Parameters)}


def test_every_name_in_a_list_of_names_is_a_parameter() -> None:
    assert PARSERS.keys() >= HARD | VOICE_SETTINGS | NATIVE_ONLY | NATIVE_BY_THEMSELVES | set(ALIASES.values())


@pytest.mark.parametrize("seconds", [181, "300"])
def test_more_patience_than_there_is_counts_as_the_most(seconds: object) -> None:
    """LiveKit 1.1.7 asks for 300 s."""
    assert parsed("inactivity_timeout", seconds) == 180


@pytest.mark.parametrize("seconds", [0.9, 86_401, "soon"])
def test_patience_without_sense_is_refused(seconds: object) -> None:
    assert "from 1 to 86400 seconds" in refusal("inactivity_timeout", seconds)


def test_the_defaults_of_the_specification() -> None:
    found = Parameters()
    assert (found.mode, found.output_format, found.inactivity_timeout) == ("generate", "pcm_24000", 20.0)
    assert (found.stream_chunk_size, found.overlap_wav_len, found.left_context_seconds) == (10, 512, 1.0)
    assert (found.chunk_length_schedule_frames, found.sync_alignment) == ((1,), False)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_both_ends_of_a_range_belong_to_it(name: str, low: float, high: float) -> None:
    assert (parsed(name, low), parsed(name, high)) == (low, high)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_text_from_a_query_is_read_as_a_number(name: str, low: float, high: float) -> None:
    assert (parsed(name, str(low)), parsed(name, str(high))) == (low, high)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_outside_the_range_the_field_and_the_range_are_named(name: str, low: float, high: float) -> None:
    for value in (low - 1, high + 1, str(high + 1)):
        message = refusal(name, value)
        assert all(word in message for word in (name, f"{low:.12g}", f"{high:.12g}")), message


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
def test_just_outside_the_range_is_outside(name: str, low: float, high: float) -> None:
    assert refusal(name, low - 1e-6)
    assert refusal(name, high + 1e-6)


@pytest.mark.parametrize(("name", "low", "high"), RANGES)
@pytest.mark.parametrize(
    "value",
    [
        "fast",
        "nan",
        "inf",
        "-inf",
        float("nan"),
        float("inf"),
        [],
        {},
        [1],
        10**400,
        "1,0",
        "0x1",
        "1_0",
        "٢",
        "9" * 65,
    ],
)
def test_what_is_no_number_is_refused(name: str, low: float, high: float, value: object) -> None:
    assert refusal(name, value).startswith(name)


@pytest.mark.parametrize("name", INTEGERS)
def test_a_whole_number_has_no_fraction(name: str) -> None:
    assert "whole" in refusal(name, 3.5)
    found = parsed(name, 3.0)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize(("values", "expected"), [(TRUE, True), (FALSE, False)])
def test_booleans_are_read_without_regard_to_case(name: str, values: list[object], expected: bool) -> None:
    assert [parsed(name, value) for value in values] == len(values) * [expected]


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", ["maybe", "2", 2, 0.5, [], {}, [True]])
def test_what_is_no_boolean_is_refused(name: str, value: object) -> None:
    assert refusal(name, value).startswith(name)


@pytest.mark.parametrize(("name", "most"), SCHEDULES)
def test_a_schedule_has_1_to_16_entries_in_its_range(name: str, most: int) -> None:
    assert parsed(name, [1]) == (1,)
    assert parsed(name, 16 * [most]) == 16 * (most,)


@pytest.mark.parametrize(("name", "most"), SCHEDULES)
def test_a_schedule_may_come_from_a_query(name: str, most: int) -> None:
    assert parsed(name, "1,20,30") == (1, 20, 30)


@pytest.mark.parametrize(("name", "most"), SCHEDULES)
def test_a_bad_schedule_is_named(name: str, most: int) -> None:
    for value in [*NO_LISTS, [], 17 * [1], [0], [most + 1], [1.5], ["x"], [None], [False], [[1]]]:
        assert name in refusal(name, value)


@pytest.mark.parametrize(("name", "most"), SCHEDULES)
def test_a_bad_entry_is_named_with_its_range(name: str, most: int) -> None:
    assert str(most) in refusal(name, [most + 1])


@pytest.mark.parametrize("value", ["generate", "forward"])
def test_modes(value: str) -> None:
    assert parsed("mode", value) == value


@pytest.mark.parametrize("value", ["Generate", "x", 1, True, [], {}])
def test_another_mode_is_refused(value: object) -> None:
    assert refusal("mode", value).startswith("mode must be generate or forward")


@pytest.mark.parametrize("name", sorted(PARSERS))
@pytest.mark.parametrize("value", [None, ""])
def test_null_and_an_empty_query_value_mean_not_given(name: str, value: object) -> None:
    assert parse_parameters({name: value}, Dialect.NATIVE) == {}


@pytest.mark.parametrize(
    ("alias", "name"),
    [("language_code", "language"), ("audio_format", "output_format"), ("EL_AUDIO_FORMAT", "output_format")],
)
def test_other_spellings(alias: str, name: str) -> None:
    assert parse_parameters({alias: "x"}, Dialect.NATIVE) == {name: "x"}


def test_an_error_uses_the_clients_spelling() -> None:
    assert refusal("language_code", 1).startswith("language_code")


def test_unknown_names_are_ignored() -> None:
    assert parse_parameters({"model_id": "Ellipsis", "enable_logging": "maybe", "": 1}, Dialect.NATIVE) == {}


@given(name=st.sampled_from(sorted(PARSERS) + sorted(ALIASES)), value=ANYTHING)
def test_any_value_is_taken_or_refused_by_name(name: str, value: object) -> None:
    try:
        refused = not Parameters().updated(parse_parameters({name: value}, Dialect.NATIVE))
    except ProtocolError as error:
        known = ALIASES.get(name, name)
        refused = ("Invalid EL_AUDIO_FORMAT" if known == "output_format" else name) not in error.message
    assert not refused


EVERY_NUMBER = ["stability", "similarity_boost", "style", "speed", "seed", "chunk_length_schedule"]


def test_the_example_of_elevenlabs_has_a_boolean_for_a_number() -> None:
    found = parse_parameters({"stability": 0.8, "similarity_boost": True}, Dialect.ELEVENLABS)
    assert found == {"stability": 0.8, "similarity_boost": 1.0}


@pytest.mark.parametrize(("value", "number"), [(True, 1), ("1", 1), (" 1.0 ", 1), (1, 1)])
@pytest.mark.parametrize("dialect", Dialect)
def test_every_number_may_be_a_boolean_or_a_text(dialect: Dialect, value: object, number: float) -> None:
    values = {name: [value] if name == "chunk_length_schedule" else value for name in EVERY_NUMBER}
    found = parse_parameters(values, dialect)
    assert found == dict.fromkeys(EVERY_NUMBER, number) | {"chunk_length_schedule": (number,)}


@pytest.mark.parametrize("name", sorted(PARSERS))
@pytest.mark.parametrize("value", ["null", "None", "undefined", " "])
def test_what_programs_write_into_a_url_for_nothing_is_not_given(name: str, value: str) -> None:
    assert parse_parameters({name: value}, Dialect.ELEVENLABS) == {}


@pytest.mark.parametrize(("value", "speed"), [(0.3, 0.5), (4, 2.0), ("9", 2.0), (-1, 0.5), (False, 0.5), (1.3, 1.3)])
def test_the_elevenlabs_dialect_takes_the_nearest_speed(value: object, speed: float) -> None:
    assert parse_parameters({"speed": value}, Dialect.ELEVENLABS) == {"speed": speed}


@pytest.mark.parametrize("value", [0.3, 4, "9", -1, False])
def test_the_native_dialect_refuses_a_speed_outside_its_range(value: object) -> None:
    assert "from 0.5 to 2" in refusal("speed", value)


@pytest.mark.parametrize("value", ["fast", float("nan"), [], 10**400])
def test_what_is_no_speed_is_refused_in_the_elevenlabs_dialect_too(value: object) -> None:
    with pytest.raises(ProtocolError, match="speed must be a number"):
        parse_parameters({"speed": value}, Dialect.ELEVENLABS)


def test_updating_leaves_what_is_not_named() -> None:
    assert Parameters(speed=1.5).updated({"language": "ru"}) == Parameters(speed=1.5, language="ru")


def locators(value: object) -> object:
    name = "pronunciation_dictionary_locators"
    return parse_parameters({name: value}, Dialect.NATIVE)[name]


def test_dictionaries_are_named_with_or_without_a_version() -> None:
    named = [
        {"pronunciation_dictionary_id": "a", "version_id": "1"},
        {"pronunciation_dictionary_id": "b", "version_id": None},
        {"pronunciation_dictionary_id": "c"},
    ]
    assert locators(named) == (("a", "1"), ("b", None), ("c", None))
    assert locators([]) == ()


@pytest.mark.parametrize(
    "value",
    [
        "a",
        {},
        [1],
        [{}],
        [{"pronunciation_dictionary_id": 1}],
        [{"pronunciation_dictionary_id": ""}],
        [{"pronunciation_dictionary_id": "x" * 201}],
        [{"pronunciation_dictionary_id": "a", "version_id": 1}],
        [{"pronunciation_dictionary_id": "a"}] * 4,
    ],
)
def test_what_names_no_dictionary_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError, match="pronunciation_dictionary_locators"):
        locators(value)


@pytest.mark.parametrize(
    ("value", "is_applied"),
    [("auto", True), ("on", True), ("AUTO", True), (True, True), ("off", False), (False, False)],
)
def test_normalization_is_applied_unless_it_is_off(value: object, is_applied: bool) -> None:
    assert parse_parameters({"apply_text_normalization": value}, Dialect.NATIVE) == {
        "apply_text_normalization": is_applied
    }


@pytest.mark.parametrize("value", ["sometimes", [], {}, 7])
def test_another_word_for_normalization_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError, match="apply_text_normalization must be auto, on or off"):
        parse_parameters({"apply_text_normalization": value}, Dialect.ELEVENLABS)
