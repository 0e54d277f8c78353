"""Which dialect, which parameters, from which source."""

from dataclasses import replace

import pytest

from streaming.errors import ProtocolError
from streaming.protocol.dialect import Dialect
from streaming.protocol.messages import ClientMessage
from streaming.protocol.opening import Rules, may_generate, opening_parameters
from streaming.protocol.parameters import Parameters
from tests.pure.protocol.peer import RULES

FORWARD = ClientMessage(is_init=True, settings={"mode": "forward", "audio_channel": "sess:1"})


def refusal(first: ClientMessage, dialect: Dialect = Dialect.NATIVE, rules: Rules = RULES) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        opening_parameters({}, first, dialect, rules)
    return caught.value


@pytest.mark.parametrize(
    ("dialect", "given", "expected"),
    [
        (Dialect.NATIVE, None, 20.0),
        (Dialect.NATIVE, 0.0, 0.0),
        (Dialect.NATIVE, 100.0, 100.0),
        (Dialect.ELEVENLABS, None, None),
        (Dialect.ELEVENLABS, 0.0, 0.0),
    ],
)
def test_the_lead(dialect: Dialect, given: float | None, expected: float | None) -> None:
    query = {} if given is None else {"target_lead_ms": str(given)}
    assert opening_parameters(query, ClientMessage(), dialect, RULES).target_lead_ms == expected


def test_without_anything_the_defaults_hold() -> None:
    assert opening_parameters({}, ClientMessage(), Dialect.ELEVENLABS, RULES) == Parameters()


VENDORS_QUERIES: list[dict[str, str]] = [
    {"model_id": "eleven_multilingual_v2"},
    {"model_id": "eleven_turbo_v2", "language": "en", "speed": "1.1"},
    {"auto_mode": "true", "output_format": ""},
    {"single_use_token": "abc"},
]
OTHER_QUERIES: list[dict[str, str]] = [{}, {"sync_alignment": "true"}, {"model_id": "x", "target_lead_ms": "20"}]


def default_format(query: dict[str, str], dialect: Dialect = Dialect.ELEVENLABS, **rules: str) -> str:
    return opening_parameters(query, ClientMessage(), dialect, replace(RULES, **rules)).output_format  # type: ignore[arg-type]


@pytest.mark.parametrize("query", VENDORS_QUERIES)
def test_a_client_of_elevenlabs_that_names_no_format_gets_mp3(query: dict[str, str]) -> None:
    assert default_format(query) == "mp3_44100_128"


@pytest.mark.parametrize("query", OTHER_QUERIES)
def test_any_other_client_that_names_no_format_gets_pcm(query: dict[str, str]) -> None:
    assert default_format(query) == "pcm_24000"


@pytest.mark.parametrize("query", [*VENDORS_QUERIES, *OTHER_QUERIES])
def test_the_native_dialect_begins_with_pcm_whatever_the_query(query: dict[str, str]) -> None:
    """A ttsInitRequest may follow any query."""
    assert default_format(query, Dialect.NATIVE) == "pcm_24000"


@pytest.mark.parametrize("query", [*VENDORS_QUERIES, *OTHER_QUERIES])
def test_the_setting_decides_for_all_clients_that_name_no_format(query: dict[str, str]) -> None:
    assert default_format(query, default_format="pcm_16000") == "pcm_16000"
    assert default_format(query, Dialect.NATIVE, default_format="pcm_16000") == "pcm_16000"


def test_a_setting_that_the_native_dialect_does_not_speak_is_not_for_it() -> None:
    assert default_format({}, default_format="mp3_44100_128") == "mp3_44100_128"
    assert default_format({}, Dialect.NATIVE, default_format="mp3_44100_128") == "pcm_24000"


def test_a_format_that_is_named_wins_over_every_default() -> None:
    query = {"model_id": "x", "output_format": "pcm_24000"}
    assert default_format(query, default_format="pcm_16000") == "pcm_24000"


def test_all_of_an_init_wins_over_the_query() -> None:
    first = ClientMessage(is_init=True, settings={"speed": 1.5, "output_format": "pcm_16000"})
    found = opening_parameters(
        {"speed": "0.5", "style": "1", "output_format": "pcm_24000"}, first, Dialect.NATIVE, RULES
    )
    assert (found.speed, found.style, found.output_format) == (1.5, 1.0, "pcm_16000")


def test_only_the_hard_part_of_another_first_message_counts() -> None:
    first = ClientMessage(settings={"speed": 1.5, "output_format": "pcm_16000"})
    found = opening_parameters({}, first, Dialect.ELEVENLABS, RULES)
    assert (found.speed, found.output_format) == (None, "pcm_16000")


def test_a_refused_format_names_those_that_there_are() -> None:
    error = refusal(ClientMessage(settings={"output_format": "ulaw_8000"}))
    assert error.code == error.message
    assert error.is_format
    assert all(name in error.message for name in ("ulaw_8000", "pcm_16000", "pcm_24000"))


def test_the_seeds_dialect_has_pcm_alone() -> None:
    rules = replace(RULES, formats=frozenset({"pcm_24000", "mp3_44100_128"}))
    first = ClientMessage(is_init=True, settings={"output_format": "mp3_44100_128"})
    assert refusal(first, rules=rules).message.endswith("the formats are pcm_24000.")
    assert opening_parameters({}, first, Dialect.ELEVENLABS, rules).output_format == "mp3_44100_128"


def test_forward_mode_with_an_allowed_channel() -> None:
    assert opening_parameters({}, FORWARD, Dialect.NATIVE, RULES).audio_channel == "sess:1"


@pytest.mark.parametrize("channel", ["ses:1", "SESS:1", " sess:1", "x:sess:1"])
def test_a_prefix_is_matched_exactly(channel: str) -> None:
    first = ClientMessage(settings={"mode": "forward", "audio_channel": channel})
    assert "prefix" in refusal(first).message


def test_without_prefixes_no_channel_is_allowed() -> None:
    assert "none" in refusal(FORWARD, rules=replace(RULES, forward_prefixes=())).message


def test_any_of_several_prefixes_will_do() -> None:
    rules = replace(RULES, forward_prefixes=("a:", "sess:"))
    assert opening_parameters({}, FORWARD, Dialect.NATIVE, rules).mode == "forward"


@pytest.mark.parametrize(
    ("query", "expected"), [({}, True), ({"mode": "generate"}, True), ({"mode": "forward"}, False)]
)
def test_speech_may_be_generated_unless_the_query_asks_for_forwarding(query: dict[str, str], expected: bool) -> None:
    assert may_generate(query) is expected
