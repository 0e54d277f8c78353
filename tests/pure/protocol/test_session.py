"""The rules of a connection, each by its observable behaviour. Time 0 is when the connection was made."""

from dataclasses import replace
from typing import Any

import pytest

from streaming import errors
from streaming.errors import ProtocolError
from streaming.protocol.actions import Close, Open, Send
from streaming.protocol.packet import Alignment, Packet
from streaming.protocol.session import Session
from streaming.protocol.stream_input import StreamInput
from tests.pure.protocol.peer import (
    NO_KEY,
    RULES,
    close_code,
    elevenlabs,
    error,
    init,
    items,
    lead,
    native,
    opened,
    parameters,
    report,
    say,
    sent,
    session,
    spoken_texts,
    texts_in,
    utterances,
)

REPEATED: list[dict[str, Any]] = [{"output_format": "pcm_24000"}, {"mode": "generate"}, {"audio_format": None}]
ALIGNMENT = Alignment(["a"], [0], [60])
PACKET = Packet(bytes(3), 0.06, alignment=ALIGNMENT, normalized_alignment=ALIGNMENT)
FORWARD: dict[str, Any] = {"mode": "forward", "audio_channel": "sess:1:audio"}
NO_VOICE = ProtocolError(errors.VOICE_NOT_FOUND, "The voice 'x' does not exist or is disabled.")
SENTENCE = "This is a sentence of somewhat more than fifty characters. "
# 8 characters each: a schedule is easy to count in them.
WORDS = "letters "


def ends_with_1000(connection: Session) -> bool:
    """Whether the end of a turn closes: the mark of the elevenlabs dialect."""
    return close_code(report(connection, say(connection, text=""))) == 1000


# Opening: who speaks first, how long to wait


def test_nothing_is_sent_before_the_first_message_or_the_end_of_the_wait() -> None:
    connection = session()
    assert connection.timeout(now=1.4) == []
    assert connection.deadline == 1.5


def test_a_first_message_is_answered_at_once() -> None:
    assert spoken_texts(say(session(), now=0.1, text="Hello", flush=True)) == ["Hello"]


def test_the_content_of_an_init_is_kept() -> None:
    assert spoken_texts(init(session(), text="Hello", flush=True)) == ["Hello"]


def test_silence_opens_the_session_and_sends_nothing() -> None:
    (action,) = session({"output_format": "pcm_16000"}).timeout(now=1.5)
    assert isinstance(action, Open)
    assert action.parameters.output_format == "pcm_16000"


def test_the_wait_passes_only_once() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert connection.timeout(now=1.6) == []


def test_text_behind_the_silence_is_spoken() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert spoken_texts(say(connection, now=3.0, text="Hello", flush=True)) == ["Hello"]


# Dialect


def test_an_init_makes_it_the_seeds_dialect() -> None:
    assert not ends_with_1000(opened(type="ttsInitRequest"))


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "generate"},
        {"stream_chunk_size": "3"},
        {"overlap_wav_len": "512"},
        {"left_context_seconds": "0.6"},
        {"speed": "1.0"},
        {"language": "ru"},
    ],
)
def test_a_parameter_that_only_the_seed_knows_makes_it_the_seeds_dialect(query: dict[str, str]) -> None:
    assert not ends_with_1000(opened(query))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"model_id": "Ellipsis"},
        {"language_code": "en"},
        {"output_format": "pcm_24000"},
        {"sync_alignment": "true"},
        {"inactivity_timeout": "180"},
        {"auto_mode": "true"},
        {"seed": "1"},
        {"target_lead_ms": "20"},
    ],
)
def test_any_other_query_is_the_elevenlabs_dialect(query: dict[str, str]) -> None:
    assert ends_with_1000(opened(query))


@pytest.mark.parametrize("added", [{"language": "en"}, {"speed": "1.1"}, {"language": "en", "speed": "1.1"}])
def test_language_and_speed_do_not_switch_the_dialect_of_a_client_of_elevenlabs(added: dict[str, str]) -> None:
    connection = session({"model_id": "eleven_turbo_v2"} | added)
    opening = parameters(say(connection, text=" "))
    assert opening.language == added.get("language")
    assert ends_with_1000(connection)


def test_another_type_of_first_message_is_no_init() -> None:
    assert ends_with_1000(opened(type="hello"))


def test_silence_without_native_parameters_is_the_elevenlabs_dialect() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert ends_with_1000(connection)


def test_the_dialect_does_not_change_behind_the_first_message() -> None:
    connection = elevenlabs()
    say(connection, text="Hello ", generation_config={"speed": 1.1, "language": "ru"})
    assert ends_with_1000(connection)


# Hard parameters


def test_without_any_parameter_the_format_is_pcm_24000() -> None:
    assert parameters(say(session(), text=" ")).output_format == "pcm_24000"


def test_the_query_gives_parameters() -> None:
    assert parameters(say(session({"output_format": "pcm_16000"}), text=" ")).output_format == "pcm_16000"


def test_init_wins_over_the_query() -> None:
    found = parameters(init(session({"output_format": "pcm_16000", "speed": "1.5"}), audio_format="pcm_24000"))
    assert (found.output_format, found.speed) == ("pcm_24000", 1.5)


@pytest.mark.parametrize("name", ["audio_format", "EL_AUDIO_FORMAT", "output_format"])
def test_init_takes_the_format_by_all_its_names(name: str) -> None:
    assert parameters(init(session(), generation_config={name: "pcm_16000"})).output_format == "pcm_16000"


def test_init_takes_a_good_format_where_the_query_has_a_bad_one() -> None:
    assert parameters(init(session({"output_format": "mp3_44100_128"}), audio_format="pcm_24000"))


def test_init_takes_query_parameters_at_its_top_level_and_in_generation_config() -> None:
    found = parameters(init(session(), stream_chunk_size=3, generation_config={"overlap_wav_len": 1024}))
    assert (found.stream_chunk_size, found.overlap_wav_len) == (3, 1024)


def test_the_first_message_may_carry_hard_parameters_without_being_an_init() -> None:
    assert parameters(say(session(), text=" ", output_format="pcm_16000")).output_format == "pcm_16000"


@pytest.mark.parametrize(
    "change",
    [
        {"output_format": "pcm_16000"},
        {"audio_format": "pcm_16000"},
        {"generation_config": {"output_format": "pcm_16000"}},
        {"mode": "forward"},
        {"target_lead_ms": 100},
        {"audio_channel": "sess:2"},
    ],
)
@pytest.mark.parametrize("dialect", [{}, {"mode": "generate"}])
def test_a_hard_parameter_cannot_change(dialect: dict[str, str], change: dict[str, Any]) -> None:
    actions = say(opened(dialect), text="Hello ", **change)
    assert close_code(actions) == 1008
    assert "fixed" in error(actions)["message"]


def test_a_hard_parameter_cannot_change_behind_the_silence() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert close_code(say(connection, now=2.0, output_format="pcm_16000")) == 1008


@pytest.mark.parametrize("repeated", REPEATED)
def test_repeating_a_hard_parameter_is_harmless(repeated: dict[str, Any]) -> None:
    assert spoken_texts(say(native(), text="Hello", flush=True, **repeated)) == ["Hello"]


def test_repeating_the_lead_that_is_in_force_is_harmless() -> None:
    assert spoken_texts(say(native(), text="Hello", flush=True, target_lead_ms=20)) == ["Hello"]


@pytest.mark.parametrize("dialect", [{}, {"mode": "generate"}])
def test_a_late_init_is_an_error(dialect: dict[str, str]) -> None:
    actions = init(opened(dialect))
    assert error(actions)["error"] == "invalid_input_message"
    assert close_code(actions) == 1008


def test_an_init_behind_the_silence_is_an_error() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert close_code(init(connection, now=1.6)) == 1008


def test_an_unknown_parameter_is_ignored() -> None:
    connection = session({"enable_logging": "maybe", "model_id": "None", "optimize_streaming_latency": "9"})
    assert (
        close_code(say(connection, text=" ", xi_api_key="k", context_id=3, pronunciation_dictionary_locators=[]))
        is None
    )


# Lead


def test_the_seeds_dialect_is_paced_20_ms_ahead() -> None:
    assert lead(init(session())) == 20.0


def test_the_elevenlabs_dialect_is_not_paced() -> None:
    assert lead(say(session(), text=" ")) is None


def test_the_elevenlabs_dialect_is_paced_when_a_lead_is_given() -> None:
    assert lead(say(session({"target_lead_ms": "100"}), text=" ")) == 100.0


def test_init_may_set_the_lead_to_nothing() -> None:
    assert lead(init(session({"target_lead_ms": "100"}), target_lead_ms=0)) == 0.0


# Refusals while opening


def test_a_bad_query_value_is_named_behind_the_first_message() -> None:
    connection = session({"speed": "fast"})
    assert "speed" in error(say(connection, text=" "))["message"]


def test_a_bad_query_value_is_named_behind_the_silence() -> None:
    actions = session({"inactivity_timeout": "0.5"}).timeout(now=1.5)
    assert "inactivity_timeout" in error(actions)["message"]
    assert "86400" in error(actions)["message"]


def test_a_fault_known_before_waits_for_the_first_message() -> None:
    connection = session(refusal=errors.OVERLOADED)
    assert connection.timeout(now=1.4) == []
    assert close_code(say(connection, text=" ", now=1.4)) == 1013


def test_a_fault_known_before_is_said_behind_the_silence_even_to_strangers() -> None:
    connection = StreamInput({}, RULES, now=0.0, refusal=errors.OVERLOADED, silence_refusal=NO_KEY)
    assert close_code(connection.timeout(now=1.5)) == 1013


def test_an_unknown_voice_is_refused_behind_the_first_message() -> None:
    actions = say(session(refusal=NO_VOICE), text=" ")
    assert error(actions) == {"message": NO_VOICE.message, "error": "voice_not_found", "code": 1008}


@pytest.mark.parametrize("query", [{}, {"mode": "generate"}])
def test_an_unknown_voice_is_refused_behind_the_silence(query: dict[str, str]) -> None:
    assert close_code(session(query, refusal=NO_VOICE).timeout(now=1.5)) == 1008


def test_a_bad_format_closes_with_1003_in_the_seeds_dialect() -> None:
    message = error(init(session(), audio_format="mp3_44100_128"))
    assert message["error"].startswith("Invalid EL_AUDIO_FORMAT: ")
    assert (message["message"], message["code"]) == (message["error"], 1003)


@pytest.mark.parametrize("name", ["x1", "mp3 \x1b", "ä", 24000])
def test_a_bad_format_is_logged_without_the_clients_words(name: object) -> None:
    [close] = [action for action in init(session(), audio_format=name) if isinstance(action, Close)]
    assert close.error == "invalid_parameter"


def test_a_bad_format_closes_with_1008_in_the_elevenlabs_dialect() -> None:
    message = error(say(session({"output_format": "mp3_1_1"}), text=" "))
    assert message["error"].startswith("Invalid EL_AUDIO_FORMAT: ")
    assert message["code"] == 1008


@pytest.mark.parametrize("value", [24000, True, ["pcm_24000"], {"rate": 24000}, "pcm_" + 80 * "9"])
def test_every_bad_format_of_an_init_closes_with_1003(value: object) -> None:
    message = error(init(session(), audio_format=value))
    assert message["error"].startswith("Invalid EL_AUDIO_FORMAT: ")
    assert message["code"] == 1003


# Forward mode


def test_forward_mode_opens_with_its_channel() -> None:
    assert parameters(init(session(), **FORWARD)).audio_channel == "sess:1:audio"


def test_forward_mode_in_the_query_takes_the_channel_of_the_init() -> None:
    assert parameters(init(session({"mode": "forward"}), audio_channel="sess:1")).mode == "forward"


def test_forward_mode_without_a_channel_is_an_error_at_the_end_of_the_wait() -> None:
    actions = session({"mode": "forward"}).timeout(now=1.5)
    assert "audio_channel" in error(actions)["message"]
    assert close_code(actions) == 1008


def test_forward_mode_refuses_a_channel_with_another_prefix() -> None:
    actions = init(session(), mode="forward", audio_channel="secret:1")
    assert "sess:" in error(actions)["message"]
    assert close_code(actions) == 1008


def test_forward_mode_is_refused_where_it_cannot_work() -> None:
    rules = replace(RULES, forward_refusal="There is no Redis.")
    assert error(init(session(rules=rules), **FORWARD))["message"] == "There is no Redis."


def test_forward_mode_is_not_for_the_elevenlabs_dialect() -> None:
    assert close_code(say(session(), text=" ", **FORWARD)) == 1008


def test_a_channel_alone_is_not_forward_mode() -> None:
    assert parameters(init(session(), audio_channel="anything")).mode == "generate"


def test_forward_mode_ignores_text() -> None:
    connection = opened(type="ttsInitRequest", **FORWARD)
    assert say(connection, text=SENTENCE, flush=True) == []
    assert say(connection, text="") == []


def test_forward_mode_still_checks_what_it_is_told() -> None:
    connection = opened(type="ttsInitRequest", **FORWARD)
    assert close_code(say(connection, generation_config={"speed": 9})) == 1008


def test_a_final_publication_ends_the_batch_and_the_session_goes_on() -> None:
    connection = opened(type="ttsInitRequest", **FORWARD)
    assert sent(connection.forwarded(now=1.0, is_final=True)) == [{"isFinal": True}]
    assert connection.forwarded(now=2.0, is_final=False) == []
    assert sent(connection.forwarded(now=3.0, is_final=True)) == [{"isFinal": True}]


def test_publications_are_activity() -> None:
    connection = opened(type="ttsInitRequest", **FORWARD)
    connection.forwarded(now=15.0, is_final=False)
    assert connection.deadline == 35.0


def test_a_publication_behind_the_close_does_nothing() -> None:
    connection = opened(type="ttsInitRequest", **FORWARD)
    connection.timeout(now=20.0)
    assert connection.forwarded(now=20.1, is_final=True) == []


# Turns and their end


@pytest.mark.parametrize("connection", [native(), elevenlabs()])
def test_the_final_message_stands_alone_and_has_no_audio(connection: Session) -> None:
    (message,) = sent(report(connection, say(connection, text="")))
    assert message["isFinal"] is True
    assert not message.get("audio")


def test_only_the_elevenlabs_dialect_has_the_word_audio_in_its_final_message() -> None:
    """elevenlabs 0.2.27 reads it of every message; the native example decodes whatever it holds."""
    for connection, has_audio in ((elevenlabs(), True), (native(), False)):
        assert ("audio" in sent(report(connection, say(connection, text="")))[0]) is has_audio


def test_an_end_speaks_what_is_left_before_it() -> None:
    connection = native()
    say(connection, text="Hello")
    assert spoken_texts(say(connection, text="")) == ["Hello"]


def test_the_final_message_waits_for_everything_of_its_turn() -> None:
    connection = native()
    utterance, end = items(say(connection, text="Hello", flush=True) + say(connection, text=""))
    assert connection.spoken(utterance, 0, now=1.0) == []
    assert sent(connection.spoken(end, 0, now=1.0)) == [{"isFinal": True}]


def test_the_elevenlabs_dialect_closes_with_1000_behind_the_final_message() -> None:
    connection = elevenlabs()
    actions = report(connection, say(connection, text="Hello") + say(connection, text=""))
    assert [type(action) for action in actions] == [Send, Close]
    assert close_code(actions) == 1000


def test_the_elevenlabs_dialect_ignores_what_comes_behind_the_end() -> None:
    connection = elevenlabs()
    say(connection, text="")
    assert say(connection, text="More", flush=True) == []
    assert init(connection) == []
    assert connection.receive("no json", now=1.0) == []
    assert connection.receive_binary() == []


def test_the_seeds_dialect_speaks_one_batch_after_the_other() -> None:
    connection = native()
    for text in ("One", "Two", "Three"):
        actions = [*say(connection, text=text), *say(connection, text="")]
        assert spoken_texts(actions) == [text]
        assert sent(report(connection, actions)) == [{"isFinal": True}]
    assert not connection.is_closed


def test_the_seeds_dialect_takes_the_next_batch_while_it_speaks() -> None:
    connection = native()
    first = [*say(connection, text="One"), *say(connection, text="")]
    second = [*say(connection, text="Two"), *say(connection, text="")]
    assert [item.turn for item in items(first + second)] == [0, 0, 1, 1]
    assert len(sent(report(connection, first))) == 1
    assert len(sent(report(connection, second))) == 1


def test_a_flush_ends_nothing() -> None:
    connection = elevenlabs()
    assert report(connection, say(connection, text="Hello", flush=True)) == []
    assert spoken_texts(say(connection, text="again", flush=True)) == ["again"]


def test_an_empty_text_with_flush_is_an_end() -> None:
    connection = elevenlabs()
    assert close_code(report(connection, say(connection, text="", flush=True))) == 1000


# What is spoken when


@pytest.mark.parametrize("flush", [{}, {"text": " "}, {"text": None}, {"text": "!"}])
@pytest.mark.parametrize("query", [{}, {"mode": "generate"}])
def test_a_flush_speaks_the_buffer_whatever_its_text(query: dict[str, str], flush: dict[str, Any]) -> None:
    connection = opened(query)
    say(connection, text="Hello")
    assert "".join(spoken_texts(say(connection, flush=True, **flush))) == "Hello" + (flush.get("text") or "")


@pytest.mark.parametrize("text", [None, " ", " \n"])
def test_a_flush_of_nothing_does_nothing(text: str | None) -> None:
    assert say(elevenlabs(), text=text, flush=True) == []


def test_a_keep_alive_is_not_spoken() -> None:
    connection = elevenlabs()
    assert say(connection, text=" ") == []
    assert spoken_texts(say(connection, text="Hello", flush=True)) == ["Hello"]


def test_a_trigger_waits_for_50_characters() -> None:
    connection = native()
    assert say(connection, text="w" * 48 + " ", try_trigger_generation=True) == []
    assert len(spoken_texts(say(connection, text="w ", try_trigger_generation=True))) == 1


def test_a_trigger_cuts_behind_a_word() -> None:
    connection = native()
    assert spoken_texts(say(connection, text=7 * WORDS + "lett", try_trigger_generation=True)) == [7 * WORDS]
    assert spoken_texts(say(connection, text="ers", flush=True)) == ["letters"]


def test_without_a_trigger_the_seeds_dialect_waits_for_the_flush() -> None:
    connection = native()
    assert say(connection, text=30 * SENTENCE) == []


def test_the_elevenlabs_dialect_speaks_when_120_characters_are_there() -> None:
    connection = elevenlabs()
    assert say(connection, text=14 * WORDS + "letters") == []
    assert spoken_texts(say(connection, text=" ")) == [15 * WORDS]


def test_the_elevenlabs_schedule_grows_and_its_last_value_repeats() -> None:
    connection = elevenlabs()
    said = [text for _ in range(140) for text in spoken_texts(say(connection, text="lettering "))]
    assert [len(text) for text in said] == [120, 160, 250, 290, 290, 290]


def test_a_schedule_works_in_the_seeds_dialect_too() -> None:
    connection = native()
    say(connection, generation_config={"chunk_length_schedule": [16, 32]})
    said = [len(spoken_texts(say(connection, text=WORDS))) for _ in range(10)]
    assert said == [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_new_turn_starts_its_schedule_anew() -> None:
    connection = native()
    say(connection, generation_config={"chunk_length_schedule": [16, 400]})
    say(connection, text=4 * WORDS)
    say(connection, text="")
    assert spoken_texts(say(connection, text=2 * WORDS)) == [2 * WORDS]


def test_auto_mode_speaks_every_message() -> None:
    connection = elevenlabs(auto_mode="true")
    assert spoken_texts(say(connection, text="Hello")) == ["Hello"]
    assert spoken_texts(say(connection, text="again.")) == ["again."]
    assert say(connection, text=" ") == []


# Settings


def spoken_speed(connection: Session, **message: Any) -> float | None:
    return utterances(say(connection, **message))[0].parameters.speed


def test_the_seeds_dialect_applies_new_settings_from_the_next_batch() -> None:
    connection = native()
    say(connection, text="One ")
    assert spoken_speed(connection, generation_config={"speed": 1.5}, flush=True) is None
    assert spoken_speed(connection, text="still one", flush=True) is None
    say(connection, text="")
    assert spoken_speed(connection, text="Two", flush=True) == 1.5


def test_settings_before_the_text_of_a_batch_belong_to_it() -> None:
    connection = native()
    say(connection, generation_config={"speed": 1.5})
    assert spoken_speed(connection, text="One", flush=True) == 1.5


def test_the_elevenlabs_dialect_applies_new_settings_from_the_next_generation() -> None:
    connection = elevenlabs()
    assert spoken_speed(connection, text="One", flush=True) is None
    assert spoken_speed(connection, text="Two", flush=True, generation_config={"speed": 1.5}) == 1.5


def test_settings_wait_behind_an_end_for_the_next_batch() -> None:
    connection = native()
    say(connection, text="One")
    assert spoken_speed(connection, text="", generation_config={"speed": 1.5}) is None
    assert spoken_speed(connection, text="Two", flush=True) == 1.5


def test_the_alignment_of_a_batch_does_not_change_within_it() -> None:
    connection = native()
    say(connection, text="One ", flush=True)
    say(connection, generation_config={"sync_alignment": True})
    assert sent(connection.audio(PACKET, 0, now=1.0))[0]["alignment"] is None


def test_a_message_wins_over_init_and_init_over_the_query() -> None:
    connection = session({"speed": "0.8"})
    assert parameters(init(connection, speed=0.9)).speed == 0.9
    assert spoken_speed(connection, text="One", flush=True, generation_config={"speed": 1.1}) == 1.1


def test_the_elevenlabs_voice_settings_give_the_speed() -> None:
    assert spoken_speed(elevenlabs(), text="One", flush=True, voice_settings={"speed": 1.2}) == 1.2


@pytest.mark.parametrize("settings", [None, {}, {"speed": None, "stability": None, "style": None}])
def test_voice_settings_may_be_empty(settings: dict[str, Any] | None) -> None:
    assert spoken_speed(elevenlabs(), text="One", flush=True, voice_settings=settings) is None


def test_the_elevenlabs_dialect_takes_the_nearest_speed_wherever_it_stands() -> None:
    assert parameters(say(session({"model_id": "x", "speed": "9"}), text=" ")).speed == 2.0
    assert spoken_speed(elevenlabs(), text="One", flush=True, voice_settings={"speed": 0.1}) == 0.5
    assert spoken_speed(elevenlabs(), text="One", flush=True, generation_config={"speed": 2.5}) == 2.0


def test_the_native_dialect_refuses_a_speed_wherever_it_stands() -> None:
    assert "speed" in error(say(session({"speed": "9"}), text=" "))["message"]
    assert "speed" in error(say(native(), voice_settings={"speed": 0.1}))["message"]
    assert "speed" in error(init(session(), generation_config={"speed": 2.5}))["message"]


def test_the_first_message_of_elevenlabs_own_example_is_taken() -> None:
    connection = session({"model_id": "eleven_monolingual_v1"})
    settings = {"stability": 0.8, "similarity_boost": True}
    assert parameters(say(connection, text=" ", voice_settings=settings))
    assert spoken_texts(say(connection, text="Hello", flush=True)) == ["Hello"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"seed": -2}, "seed must be a number from 0 to 4294967295, not -2."),
        ({"temperature": 0}, "temperature must be a number from 0.01 to 2, not 0."),
        ({"top_k": 1.5}, "top_k must be a whole number from 0 to 1000, not 1.5."),
        ({"top_p": "1.2"}, "top_p must be a number from 0.01 to 1, not '1.2'."),
    ],
)
def test_a_bad_setting_is_named_with_its_range(setting: dict[str, object], told: str) -> None:
    message = error(say(elevenlabs(), text="One", generation_config=setting))
    assert (message["message"], message["code"]) == (told, 1008)


# Audio messages


def test_audio_is_not_final_and_carries_its_alignment() -> None:
    aligned = {"chars": ["a"], "charStartTimesMs": [0], "charDurationsMs": [60]}
    assert sent(elevenlabs().audio(PACKET, 0, now=1.0)) == [
        {"audio": "AAAA", "isFinal": False, "normalizedAlignment": aligned, "alignment": aligned}
    ]


def test_audio_without_characters_carries_null() -> None:
    (message,) = sent(elevenlabs().audio(Packet(bytes(3)), 0, now=1.0))
    assert (message["normalizedAlignment"], message["alignment"]) == (None, None)


@pytest.mark.parametrize(("query", "is_aligned"), [({}, False), ({"sync_alignment": "true"}, True)])
def test_the_seeds_dialect_aligns_only_when_asked(query: dict[str, str], is_aligned: bool) -> None:
    connection = native(**query)
    say(connection, text="a", flush=True)
    (message,) = sent(connection.audio(PACKET, 0, now=1.0))
    assert (message["alignment"] is not None) == is_aligned


def test_alignment_may_be_asked_for_from_the_next_turn_on() -> None:
    connection = native()
    first = say(connection, text="One", generation_config={"sync_alignment": True}) + say(connection, text="")
    report(connection, first)
    say(connection, text="Two", flush=True)
    assert sent(connection.audio(PACKET, 0, now=1.0))[0]["alignment"] is not None


def test_audio_behind_the_close_is_dropped() -> None:
    connection = elevenlabs()
    connection.receive_binary()
    assert connection.audio(Packet(bytes(3)), 0, now=1.0) == []


# Idleness


def test_the_seeds_dialect_closes_an_idle_session_silently() -> None:
    assert native().timeout(now=20.0) == [Close(1000)]


def test_the_elevenlabs_dialect_names_the_time_that_was_idle() -> None:
    actions = elevenlabs(inactivity_timeout="30").timeout(now=30.0)
    assert error(actions)["error"] == "input_timeout_exceeded"
    assert "30 seconds" in error(actions)["message"]
    assert close_code(actions) == 1008


def test_before_the_deadline_nothing_happens() -> None:
    assert native().timeout(now=19.9) == []


@pytest.mark.parametrize("message", [{"text": " "}, {}, {"generation_config": {"speed": 1.0}}, {"flush": True}])
def test_every_message_is_activity(message: dict[str, Any]) -> None:
    connection = elevenlabs()
    say(connection, now=15.0, **message)
    assert connection.deadline == 35.0


def test_time_spent_speaking_is_not_idle() -> None:
    connection = elevenlabs()
    actions = say(connection, text="Hello", flush=True)
    assert connection.deadline is None
    assert connection.timeout(now=1000.0) == []
    report(connection, actions, now=1000.0)
    assert connection.deadline == 1020.0


def test_time_spent_draining_is_not_idle() -> None:
    connection = elevenlabs()
    say(connection, text="")
    assert connection.deadline is None


def test_text_that_only_waits_in_the_buffer_is_idle() -> None:
    connection = elevenlabs()
    say(connection, text="Hello")
    assert close_code(connection.timeout(now=20.0)) == 1008


def test_the_silence_before_the_first_message_is_idle_time_too() -> None:
    connection = session()
    connection.timeout(now=1.5)
    assert connection.deadline == 20.0


@pytest.mark.parametrize("query", [{}, {"mode": "generate"}])
@pytest.mark.parametrize("refusal", [None, NO_VOICE])
def test_a_stranger_who_says_nothing_is_asked_who_it_is_whatever_else_is_wrong(
    query: dict[str, str], refusal: ProtocolError | None
) -> None:
    connection = StreamInput(query, RULES, now=0.0, refusal=refusal, silence_refusal=NO_KEY)
    assert connection.timeout(now=4.9) == []
    assert error(connection.timeout(now=5.0)) == {"message": "Say who you are.", "error": "no_key", "code": 1008}
    assert connection.is_closed


# Faults of the peer


@pytest.mark.parametrize(
    "raw", ["", "no json", "[]", "1", "null", '"text"', "{", '{"text": 1}', '{"flush": "maybe"}', "[" * 9999]
)
def test_a_message_that_is_none_closes_with_1008(raw: str) -> None:
    actions = elevenlabs().receive(raw, now=0.0)
    assert error(actions)["error"] == "invalid_input_message"
    assert close_code(actions) == 1008


@pytest.mark.parametrize(("query", "code"), [({"mode": "generate"}, 1003), ({}, 1008)])
def test_a_binary_frame_is_unsupported_data(query: dict[str, str], code: int) -> None:
    actions = opened(query).receive_binary()
    assert error(actions)["code"] == close_code(actions) == code


def test_a_binary_frame_may_be_the_first() -> None:
    assert close_code(session({"mode": "generate"}).receive_binary()) == 1003


def test_the_shell_may_refuse() -> None:
    refusal = ProtocolError(errors.INVALID_MESSAGE, "The message is longer than 1024 bytes.")
    actions = elevenlabs().refuse(refusal)
    assert error(actions)["message"] == refusal.message
    assert close_code(actions) == 1008


def test_an_oversized_message_behind_the_end_does_not_cost_the_audio() -> None:
    connection = elevenlabs()
    actions = [*say(connection, text="Hello"), *say(connection, text="")]
    assert connection.refuse(ProtocolError(errors.INVALID_MESSAGE, "The message is longer than 1024 bytes.")) == []
    assert close_code(report(connection, actions)) == 1000


def test_more_text_than_may_wait_is_an_error() -> None:
    connection = native()
    assert say(connection, text="word " * 1000) == []
    actions = say(connection, text="x")
    assert error(actions)["error"] == "max_character_limit_exceeded"
    assert close_code(actions) == 1008


def test_text_that_is_being_spoken_counts_as_waiting() -> None:
    connection = native()
    say(connection, text="word " * 1000, flush=True)
    assert close_code(say(connection, text="x")) == 1008


def test_text_that_has_been_spoken_makes_room() -> None:
    connection = native()
    report(connection, say(connection, text="word " * 1000, flush=True))
    assert close_code(say(connection, text="word " * 1000)) is None


def test_ends_without_text_do_not_pile_up_either() -> None:
    connection = native()
    codes = [close_code(say(connection, text="")) for _ in range(5001)]
    assert codes[-2:] == [None, 1008]


@pytest.mark.parametrize("name", ["speed", "chunk_length_schedule", "sync_alignment", "mode", "output_format"])
def test_an_error_does_not_repeat_everything_that_was_sent(name: str) -> None:
    actions = say(elevenlabs(), generation_config={name: "\x7f" * 40_000})
    assert len(error(actions)["message"]) < 1000


@pytest.mark.parametrize("name", ["output_format", "audio_channel", "language", "mode"])
def test_half_a_character_in_a_parameter_goes_no_further(name: str) -> None:
    config = {"mode": "forward"} if name == "audio_channel" else {}
    actions = init(session(), generation_config=config | {name: "sess:\ud800"}, text="Hello", flush=True)
    assert [text.encode() for text in texts_in(actions)]


# Faults that are not the peer's


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (errors.ENGINE_FAILED, 1011),
        (errors.INTERNAL_ERROR, 1011),
        (errors.SOURCE_LOST, 1011),
        (errors.SHUTTING_DOWN, 1012),
        (errors.ENGINE_UNAVAILABLE, 1013),
        (errors.OVERLOADED, 1013),
    ],
)
@pytest.mark.parametrize("query", [{}, {"mode": "generate"}])
def test_a_fault_closes_with_its_code(query: dict[str, str], fault: errors.Fault, code: int) -> None:
    actions = opened(query).fail(fault)
    assert error(actions) == {"message": fault.message, "error": fault.code, "code": code}
    assert close_code(actions) == code


def test_a_fault_may_come_before_the_first_message() -> None:
    assert close_code(session().fail(errors.OVERLOADED)) == 1013


def test_a_fault_while_draining_closes_without_a_final_message() -> None:
    connection = elevenlabs()
    actions = say(connection, text="")
    assert close_code(connection.fail(errors.ENGINE_FAILED)) == 1011
    assert report(connection, actions) == []


# Behind the end


def closed_by_error() -> Session:
    connection = elevenlabs()
    connection.receive("no json", now=0.0)
    return connection


def closed_by_the_peer() -> Session:
    connection = elevenlabs()
    connection.disconnected()
    return connection


@pytest.mark.parametrize("connection", [closed_by_error(), closed_by_the_peer()])
def test_nothing_comes_behind_the_close(connection: Session) -> None:
    assert connection.is_closed
    assert connection.deadline is None
    assert connection.receive("no json", now=1.0) == []
    assert connection.receive_binary() == []
    assert connection.refuse(NO_VOICE) == []
    assert connection.timeout(now=1000.0) == []
    assert connection.fail(errors.INTERNAL_ERROR) == []


def test_what_was_still_spoken_when_the_peer_left_is_reported_in_vain() -> None:
    connection = elevenlabs()
    actions = [*say(connection, text="Hello"), *say(connection, text="")]
    connection.disconnected()
    assert report(connection, actions) == []


def test_an_engine_that_fails_ends_the_session_of_its_only_stream() -> None:
    actions = elevenlabs().fail_stream(errors.ENGINE_FAILED, 0)
    assert isinstance(actions[-1], Close)
    assert actions[-1].code == errors.ENGINE_FAILED.close_code
