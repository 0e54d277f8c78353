"""Which dialect, which parameters, from which source."""

from dataclasses import replace

import pytest

from streaming.errors import ProtocolError
from streaming.protocol.messages import ClientMessage
from streaming.protocol.opening import Dialect, Rules, dialect_of, may_generate, opening_parameters
from streaming.protocol.parameters import Parameters
from tests.pure.protocol.peer import RULES

FORWARD = ClientMessage(is_init=True, settings={"mode": "forward", "audio_channel": "sess:1"})


def refusal(first: ClientMessage, dialect: Dialect = Dialect.NATIVE, rules: Rules = RULES) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        opening_parameters({}, first, dialect, rules)
    return caught.value


@pytest.mark.parametrize(
    "name", ["mode", "stream_chunk_size", "overlap_wav_len", "left_context_seconds", "speed", "language"]
)
def test_a_seed_parameter_counts_whatever_its_value(name: str) -> None:
    assert dialect_of({name: ""}) is Dialect.NATIVE


@pytest.mark.parametrize("name", ["model_id", "language_code", "output_format", "seed", "MODE", "target_lead_ms"])
def test_no_other_name_is_the_seeds(name: str) -> None:
    assert dialect_of({name: "1"}) is Dialect.ELEVENLABS


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
