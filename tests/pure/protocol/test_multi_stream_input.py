"""The rules of contexts, each by its observable behaviour. Time 0 is when the connection was made."""

import json
from typing import Any

import pytest

from streaming import errors
from streaming.protocol.actions import Action, Close, Open, Send, Speak, Stop
from streaming.protocol.context import TurnEnd
from streaming.protocol.multi_stream_input import MAX_FAILED, MultiStreamInput
from streaming.protocol.packet import Alignment, Packet
from tests.pure.protocol.peer import (
    NO_KEY,
    RULES,
    close_code,
    error,
    items,
    report,
    say,
    sent,
    spoken_texts,
    utterances,
)

LONG = "This is a sentence of somewhat more than fifty characters. " * 5


def connection(**query: str) -> MultiStreamInput:
    return MultiStreamInput(query, RULES, now=0.0)


def opened(*contexts: str, **query: str) -> MultiStreamInput:
    """With these contexts open."""
    multi = connection(**query)
    for context in contexts:
        actions = say(multi, text=" ", context_id=context)
        assert not sent(actions), actions
    return multi


def final(context: str) -> dict[str, Any]:
    return {"audio": None, "isFinal": True, "contextId": context, "context_id": context}


def numbers(actions: list[Action]) -> set[int]:
    return {action.stream_number for action in actions if isinstance(action, Speak)}


def context_error(actions: list[Action], context: str) -> dict[str, Any]:
    """The error that ended a context: followed by the final message, and the connection goes on."""
    assert close_code(actions) is None
    message, last = sent(actions)
    assert last == final(context)
    assert message["contextId"] == message["context_id"] == context
    return message


# Opening


def test_the_first_message_opens_the_connection_and_its_context() -> None:
    multi = connection(output_format="pcm_16000")
    (action,) = say(multi, text=" ", context_id="a")
    assert isinstance(action, Open)
    assert action.parameters.output_format == "pcm_16000"
    assert spoken_texts(say(multi, text="Hello", context_id="a", flush=True)) == ["Hello"]


def test_the_first_text_of_a_context_may_be_spoken_at_once() -> None:
    assert spoken_texts(say(connection(), text="Hello", context_id="a", flush=True)) == ["Hello"]


def test_without_a_name_there_is_a_default_context() -> None:
    multi = connection()
    actions = say(multi, text="Hello", flush=True) + say(multi, close_context=True)
    assert sent(report(multi, actions)) == [final("default")]


def test_the_default_context_can_be_named() -> None:
    multi = connection()
    first = say(multi, text="Hello", flush=True)
    assert numbers(first) == numbers(say(multi, text="Hello", flush=True, context_id="default"))


@pytest.mark.parametrize("query", [{"mode": "generate"}, {"speed": "1.1"}, {"language": "en"}])
def test_it_is_always_the_elevenlabs_dialect(query: dict[str, str]) -> None:
    multi = connection(**query)
    assert spoken_texts(say(multi, text=LONG, context_id="a")) != []
    assert close_code(multi.timeout(now=20.0)) is None


@pytest.mark.parametrize(("query", "output_format"), [({"model_id": "x"}, "mp3_44100_128"), ({}, "pcm_24000")])
def test_a_client_of_elevenlabs_that_names_no_format_gets_mp3(query: dict[str, str], output_format: str) -> None:
    opening, *_ = say(connection(**query), text=" ", context_id="a")
    assert isinstance(opening, Open)
    assert opening.parameters.output_format == output_format


def test_the_nearest_speed_is_taken() -> None:
    multi = opened("a", speed="9")
    (utterance,) = utterances(say(multi, text="One", context_id="a", flush=True))
    assert utterance.parameters.speed == 2.0
    (utterance,) = utterances(say(multi, text="Two", context_id="a", flush=True, voice_settings={"speed": 0.1}))
    assert utterance.parameters.speed == 0.5


def test_an_init_is_nothing_special() -> None:
    multi = opened("a")
    assert spoken_texts(say(multi, type="ttsInitRequest", text="Hello", flush=True, context_id="a")) == ["Hello"]


def test_there_is_no_forward_mode() -> None:
    assert close_code(say(connection(mode="forward", audio_channel="sess:1"), text=" ")) == 1008


@pytest.mark.parametrize("message", [{"text": ""}, {}, {"flush": True}, {"close_context": True}])
def test_a_sign_of_life_opens_the_connection_and_no_context(message: dict[str, Any]) -> None:
    multi = connection()
    (action,) = say(multi, **message)
    assert isinstance(action, Open)
    opened_later = [say(multi, text=" ", context_id=name) for name in "abc"]
    assert not any(map(sent, opened_later))


def test_settings_without_a_text_open_a_context() -> None:
    multi = connection()
    say(multi, context_id="a", voice_settings={"speed": 1.1})
    (utterance,) = utterances(say(multi, text="Hello", flush=True, context_id="a"))
    assert utterance.parameters.speed == 1.1


@pytest.mark.parametrize("wrong", [{"output_format": "mp3"}, {"generation_config": 1}, {"context_id": 1}])
def test_what_is_wrong_with_the_connection_ends_it(wrong: dict[str, Any]) -> None:
    assert close_code(say(connection(), **{"text": " ", "context_id": "a", **wrong})) == 1008


def test_what_is_wrong_with_the_first_context_does_not_end_the_connection() -> None:
    multi = connection()
    first: dict[str, Any] = {"generation_config": {"speed": "fast", "output_format": "pcm_16000"}}
    opening, *refusal = say(multi, text=" ", context_id="a", **first)
    assert isinstance(opening, Open)
    assert opening.parameters.output_format == "pcm_16000"
    assert "speed" in context_error(refusal, "a")["message"]
    assert spoken_texts(say(multi, text="Hello", context_id="b", flush=True)) == ["Hello"]


# Contexts beside each other


def test_contexts_have_their_own_buffers_and_settings() -> None:
    multi = connection()
    say(multi, text="One ", context_id="a", voice_settings={"speed": 0.8})
    say(multi, text="Two ", context_id="b", voice_settings={"speed": 1.2})
    for name, text, speed in [("a", "One ", 0.8), ("b", "Two ", 1.2)]:
        (utterance,) = utterances(say(multi, context_id=name, flush=True))
        assert (utterance.text, utterance.parameters.speed) == (text, speed)


def test_a_newer_context_has_a_higher_number() -> None:
    multi = connection()
    found = [numbers(say(multi, text="Hello", context_id=name, flush=True)) for name in "bac"]
    assert found == [{0}, {1}, {2}]


def test_every_packet_says_whose_it_is() -> None:
    multi = connection()
    say(multi, text="One", context_id="a", flush=True)
    say(multi, text="Two", context_id="b", flush=True)
    messages = [message for number in (1, 0) for message in sent(multi.audio(Packet(bytes(3)), number, now=0.0))]
    assert [message["contextId"] for message in messages] == ["b", "a"]
    assert [message["context_id"] for message in messages] == ["b", "a"]


def test_the_schedule_is_each_contexts_own() -> None:
    multi = opened("a", "b")
    config = {"chunk_length_schedule": [8, 400]}
    for name in "ab":
        assert spoken_texts(say(multi, text="letters ", context_id=name, generation_config=config)) == ["letters "]


def test_an_empty_text_is_no_end() -> None:
    multi = opened("a")
    say(multi, text="Hello ", context_id="a")
    assert say(multi, text="", context_id="a") == []
    assert spoken_texts(say(multi, text="", context_id="a", flush=True)) == ["Hello "]


def test_a_flush_ends_nothing() -> None:
    multi = opened("a")
    for _ in range(2):
        actions = say(multi, text="Hello", context_id="a", flush=True)
        assert spoken_texts(actions) == ["Hello"]
        assert sent(report(multi, actions)) == []


def test_auto_mode_speaks_every_message() -> None:
    multi = opened("a", auto_mode="true")
    assert spoken_texts(say(multi, text="Hello", context_id="a")) == ["Hello"]
    assert spoken_texts(say(multi, text="", context_id="a", flush=True)) == []


# Closing a context


def test_closing_drains() -> None:
    multi = opened("a")
    actions = say(multi, text="Hello", context_id="a", flush=True) + say(multi, context_id="a", close_context=True)
    utterance, end = (action for action in actions if isinstance(action, Speak))
    assert multi.spoken(utterance.item, utterance.stream_number, now=1.0) == []
    done = multi.spoken(end.item, end.stream_number, now=1.0)
    assert sent(done) == [final("a")]
    assert done[0] == Stop(utterance.stream_number)


def test_closing_speaks_what_was_never_flushed() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a")
    assert spoken_texts(say(multi, text="ignored", context_id="a", close_context=True)) == ["Hello"]


def test_closing_an_empty_context_has_a_final_message_too() -> None:
    multi = opened("a")
    assert sent(report(multi, say(multi, context_id="a", close_context=True))) == [final("a")]


def test_a_draining_context_takes_nothing_more() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a", close_context=True)
    assert say(multi, text="More", context_id="a", flush=True) == []
    assert say(multi, text=" ", context_id="a", voice_settings={"speed": "fast"}) == []


def test_a_second_close_does_not_wait() -> None:
    multi = opened("a")
    say(multi, text=LONG, context_id="a", flush=True)
    say(multi, context_id="a", close_context=True)
    actions = say(multi, context_id="a", close_context=True)
    assert actions[0] == Stop(0)
    assert sent(actions) == [final("a")]
    assert multi.audio(Packet(bytes(3)), 0, now=0.0) == []


def test_a_context_whose_end_is_on_its_way_has_one_final_message() -> None:
    multi = opened("a")
    actions = say(multi, text="Hello", context_id="a", flush=True) + say(multi, context_id="a", close_context=True)
    say(multi, context_id="a", close_context=True)
    assert report(multi, actions) == []


@pytest.mark.parametrize("late", [{"close_context": True}, {"flush": True}, {"text": ""}, {"text": "", "flush": True}])
def test_what_comes_for_a_context_that_is_gone_is_ignored(late: dict[str, Any]) -> None:
    multi = opened("a")
    report(multi, say(multi, context_id="a", close_context=True))
    assert say(multi, context_id="a", **late) == []
    assert say(multi, context_id="never there", **late) == []


def test_a_name_can_be_used_again() -> None:
    multi = opened("a")
    for _ in range(3):
        actions = say(multi, text="Hello", context_id="a", flush=True) + say(multi, context_id="a", close_context=True)
        assert spoken_texts(actions) == ["Hello"]
        assert sent(report(multi, actions)) == [final("a")]


def test_a_name_that_is_used_again_is_another_stream() -> None:
    multi = opened("a")
    old = say(multi, text=LONG, context_id="a", flush=True)
    say(multi, context_id="a", close_context=True)
    say(multi, context_id="a", close_context=True)
    new = say(multi, text="Hello", context_id="a", flush=True)
    assert numbers(old).isdisjoint(numbers(new))
    assert report(multi, old) == []
    assert multi.audio(Packet(bytes(3)), min(numbers(old)), now=0.0) == []


def test_one_context_ends_and_the_other_goes_on() -> None:
    multi = opened("a", "b")
    report(multi, say(multi, context_id="a", close_context=True))
    assert spoken_texts(say(multi, text="Hello", context_id="b", flush=True)) == ["Hello"]


# How many


def test_more_contexts_than_may_be_are_refused_by_name_and_the_others_go_on() -> None:
    multi = opened("a", "b", "c")
    message = context_error(say(multi, text=" ", context_id="d"), "d")
    assert (message["error"], message["code"]) == ("max_active_conversations", 1008)
    assert "3 open contexts" in message["message"]
    assert spoken_texts(say(multi, text="Hello", context_id="a", flush=True)) == ["Hello"]


def test_what_follows_for_a_refused_context_is_ignored() -> None:
    multi = opened("a", "b", "c")
    say(multi, text=" ", context_id="d")
    report(multi, say(multi, context_id="a", close_context=True))
    assert say(multi, text="the rest of a sentence", context_id="d", flush=True) == []
    assert say(multi, context_id="d", close_context=True) == []
    assert spoken_texts(say(multi, text="Hello", context_id="d", flush=True)) == ["Hello"]


def test_a_context_makes_room_when_its_final_message_is_out() -> None:
    multi = opened("a", "b", "c")
    ending = say(multi, context_id="a", close_context=True)
    context_error(say(multi, text=" ", context_id="d"), "d")
    report(multi, ending)
    assert not sent(say(multi, text=" ", context_id="d"))


# Errors of one context


def test_a_bad_setting_ends_its_context() -> None:
    multi = opened("a", "b")
    old = say(multi, text=LONG, context_id="a", flush=True)
    actions = say(multi, text="x", context_id="a", voice_settings={"speed": "fast"})
    assert actions[0] == Stop(0, "invalid_parameter")
    message = context_error(actions, "a")
    assert (message["error"], message["code"]) == ("invalid_parameter", 1008)
    assert "speed" in message["message"]
    assert report(multi, old) == []
    assert spoken_texts(say(multi, text="Hello", context_id="b", flush=True)) == ["Hello"]


def test_an_engine_that_fails_ends_the_context_that_it_failed_for() -> None:
    multi = opened("a", "b")
    say(multi, text="Hello", context_id="a", flush=True)
    actions = multi.fail_stream(errors.ENGINE_FAILED, 0)
    assert actions[0] == Stop(0, "engine_failed")
    assert context_error(actions, "a")["code"] == 1011
    assert multi.fail_stream(errors.ENGINE_FAILED, 0) == []
    assert spoken_texts(say(multi, text="Hello", context_id="b", flush=True)) == ["Hello"]


def test_a_draining_context_may_fail() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a", close_context=True)
    assert context_error(multi.fail_stream(errors.ENGINE_FAILED, 0), "a")["code"] == 1011


def failed(**query: str) -> MultiStreamInput:
    multi = opened("a", **query)
    multi.fail_stream(errors.ENGINE_FAILED, 0)
    return multi


@pytest.mark.parametrize("message", [{"text": "and so on"}, {"flush": True}, {"voice_settings": 1}, {"text": ""}])
def test_a_failed_context_hears_nothing_more(message: dict[str, Any]) -> None:
    assert say(failed(), context_id="a", **message) == []


@pytest.mark.parametrize("again", [{"close_context": True}, {"text": " "}, {"voice_settings": {"speed": 1.1}}])
def test_a_failed_context_can_be_opened_again(again: dict[str, Any]) -> None:
    multi = failed()
    assert sent(say(multi, context_id="a", **again)) == []
    assert spoken_texts(say(multi, text="Hello", context_id="a", flush=True)) == ["Hello"]


def test_a_failed_context_is_forgotten_when_it_has_been_left_alone() -> None:
    multi = failed(inactivity_timeout="5")
    assert say(multi, now=4.9, text="Hello", context_id="a", flush=True) == []
    assert spoken_texts(say(multi, now=5.0, text="Hello", context_id="a", flush=True)) == ["Hello"]


def test_only_so_many_failed_contexts_are_remembered() -> None:
    multi = failed()
    for index in range(MAX_FAILED):
        context_error(say(multi, context_id=str(index), text=1), str(index))
    assert spoken_texts(say(multi, text="Hello", context_id="a", flush=True)) == ["Hello"]
    assert say(multi, text="Hello", context_id="1", flush=True) == []


def test_text_that_waits_in_all_contexts_together_is_limited() -> None:
    multi = opened("a", "b")
    say(multi, text="word " * 500, context_id="a", flush=True)
    assert not sent(say(multi, text="word " * 499, context_id="b", flush=True))
    assert context_error(say(multi, text="word " * 2, context_id="b"), "b")["error"] == "max_character_limit_exceeded"
    assert not sent(say(multi, text="word " * 400, context_id="c", flush=True))


def test_the_text_of_one_message_is_limited() -> None:
    multi = opened("a")
    message = context_error(say(multi, text="x" * 5001, context_id="a"), "a")
    assert message["error"] == "max_character_limit_exceeded"
    assert "5000" in message["message"]


def test_closing_is_never_too_much_text() -> None:
    multi = opened("a")
    say(multi, text="word " * 1000, context_id="a", flush=True)
    assert sent(say(multi, context_id="a", close_context=True)) == []


# Errors of the connection


@pytest.mark.parametrize(
    "raw", ["no json", "[]", '{"context_id": 1}', '{"context_id": "a", "output_format": "pcm_16000"}']
)
def test_what_is_not_one_contexts_fault_ends_the_connection(raw: str) -> None:
    multi = opened("a")
    actions = multi.receive(raw, now=0.0)
    assert close_code(actions) == 1008
    assert "contextId" not in error(actions)


def test_a_format_that_is_none_ends_the_connection() -> None:
    assert close_code(say(opened("a"), context_id="a", output_format=5)) == 1008


def test_a_fault_of_the_whole_server_ends_the_connection() -> None:
    assert close_code(opened("a").fail(errors.SHUTTING_DOWN)) == 1012


def test_nothing_comes_behind_the_close() -> None:
    multi = opened("a")
    actions = say(multi, text="Hello", context_id="a", close_context=True)
    multi.fail(errors.SHUTTING_DOWN)
    assert report(multi, actions) == []
    assert multi.fail_stream(errors.ENGINE_FAILED, 0) == []
    assert say(multi, text="Hello", context_id="b", flush=True) == []
    assert multi.deadline is None


# Closing the socket


def test_closing_the_socket_drains_every_context_and_ends_with_1000() -> None:
    multi = opened("a", "b")
    say(multi, text="One", context_id="a")
    actions = say(multi, close_socket=True)
    assert spoken_texts(actions) == ["One"]
    first, second, third = (action for action in actions if isinstance(action, Speak))
    assert multi.spoken(first.item, first.stream_number, now=1.0) == []
    assert sent(multi.spoken(second.item, second.stream_number, now=1.0)) == [final("a")]
    last = multi.spoken(third.item, third.stream_number, now=1.0)
    assert sent(last) == [final("b")]
    assert last[-1] == Close(1000)


def test_closing_an_empty_socket_closes_it() -> None:
    assert say(opened(), text="", close_socket=True)[-1] == Close(1000)


def test_the_last_message_may_be_the_first() -> None:
    multi = connection()
    actions = say(multi, text="Hello", context_id="a", close_socket=True)
    assert spoken_texts(actions) == ["Hello"]
    assert close_code(report(multi, actions)) == 1000


def test_behind_the_closing_of_the_socket_nothing_is_heard() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a", close_socket=True)
    assert say(multi, text="Hello", context_id="b", flush=True) == []
    assert multi.receive("no json", now=0.0) == []
    assert multi.deadline is None


def test_a_context_that_fails_last_closes_a_closing_socket() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a", close_socket=True)
    actions = multi.fail_stream(errors.ENGINE_FAILED, 0)
    assert [message.get("error") for message in sent(actions)] == ["engine_failed", None]
    assert close_code(actions) == 1000


# Idleness


def test_an_idle_context_is_closed_as_if_the_client_had() -> None:
    multi = opened("a", inactivity_timeout="5")
    say(multi, now=2.0, text="Hello", context_id="a")
    assert multi.deadline == 7.0
    actions = multi.timeout(now=7.0)
    assert spoken_texts(actions) == ["Hello"]
    assert sent(report(multi, actions, now=9.0)) == [final("a")]
    assert multi.deadline == 14.0


def test_only_the_idle_context_is_closed() -> None:
    multi = opened("a", "b", inactivity_timeout="5")
    say(multi, now=3.0, text="", context_id="b")
    assert sent(report(multi, multi.timeout(now=5.0))) == [final("a")]
    assert multi.deadline == 8.0


def test_a_context_may_have_a_patience_of_its_own() -> None:
    multi = opened("a")
    say(multi, text=" ", context_id="b", generation_config={"inactivity_timeout": 60})
    assert sent(report(multi, multi.timeout(now=20.0))) == [final("a")]
    assert multi.deadline == 60.0


def test_a_context_that_speaks_is_not_idle() -> None:
    multi = opened("a")
    actions = say(multi, text="Hello", context_id="a", flush=True)
    assert multi.deadline is None
    report(multi, actions, now=100.0)
    assert multi.deadline == 120.0


def test_a_connection_without_contexts_is_idle_too() -> None:
    multi = opened(inactivity_timeout="5")
    say(multi, text="", now=0.0)
    actions = multi.timeout(now=5.0)
    assert error(actions)["error"] == "input_timeout_exceeded"
    assert close_code(actions) == 1008


@pytest.mark.parametrize("message", [{"text": ""}, {"text": "", "context_id": "gone"}])
def test_a_sign_of_life_keeps_a_connection_without_contexts(message: dict[str, Any]) -> None:
    multi = connection()
    say(multi, **message)
    say(multi, now=15.0, **message)
    assert multi.deadline == 35.0


def test_a_sign_of_life_keeps_its_context() -> None:
    multi = opened("a")
    say(multi, now=15.0, text="", context_id="a")
    assert multi.deadline == 35.0


# Times


def heard(multi: MultiStreamInput, number: int, start: float) -> list[int]:
    """Of two characters of 30 ms each in a packet of 60 ms."""
    aligned = Alignment(["a", "b"], [0, 30], [30, 30])
    (message,) = sent(multi.audio(Packet(bytes(3), 0.06, start, aligned, aligned), number, now=0.0))
    assert message["normalizedAlignment"] == message["alignment"]
    return list(message["alignment"]["charStartTimesMs"])


def speak_two(multi: MultiStreamInput, context: str) -> list[list[int]]:
    times: list[list[int]] = []
    for begin in (0.0, 0.12):
        actions = say(multi, text="abab", context_id=context, flush=True)
        (number,) = numbers(actions)
        times += [heard(multi, number, begin), heard(multi, number, begin + 0.06)]
        report(multi, actions)
    return times


def test_times_are_relative_to_the_message() -> None:
    assert speak_two(opened("a"), "a") == [[0, 30]] * 4


def test_the_first_character_of_a_message_follows_the_last_one_that_was_sent() -> None:
    """Of each alignment by itself, and also where it began before its packet."""
    multi = opened("a")
    (number,) = numbers(say(multi, text="abc", context_id="a", flush=True))
    aligned, spoken = Alignment(["a"], [0], [90]), Alignment(["x", "y"], [0, 20], [20, 30])
    sent(multi.audio(Packet(bytes(3), 0.06, 0.0, aligned, spoken), number, now=0.0))
    aligned, spoken = Alignment(["b", "c"], [30, 50], [20, 10]), Alignment(["z"], [-10], [70])
    (message,) = sent(multi.audio(Packet(bytes(3), 0.06, 0.06, aligned, spoken), number, now=0.0))
    assert message["alignment"]["charStartTimesMs"] == [0, 20]
    assert message["normalizedAlignment"]["charStartTimesMs"] == [0]


def test_a_silence_that_belongs_to_no_text_is_counted() -> None:
    """A client that adds up the ends of all messages still knows when the next character begins."""
    multi = opened("a")
    (number,) = numbers(say(multi, text="ab", context_id="a", flush=True))
    sent(multi.audio(Packet(bytes(3), 0.06, 0.0), number, now=0.0))
    times = [heard(multi, number, start) for start in (0.06, 0.12)]
    assert times == [[60, 90], [0, 30]]


def test_synchronised_times_go_on_through_the_context() -> None:
    multi = opened("a", sync_alignment="true")
    assert speak_two(multi, "a") == [[0, 30], [60, 90], [120, 150], [180, 210]]
    assert speak_two(multi, "b") == [[0, 30], [60, 90], [120, 150], [180, 210]]


def test_alignment_is_always_sent() -> None:
    multi = connection(sync_alignment="false")
    say(multi, text="a", context_id="a", flush=True)
    assert json.loads(multi.audio(PACKET, 0, now=0.0)[0].text)["alignment"]["chars"] == ["a"]


PACKET = Packet(bytes(3), 0.06, alignment=Alignment(["a"], [0], [60]), normalized_alignment=Alignment(["b"], [0], [60]))


def test_original_and_spoken_characters_go_where_they_belong() -> None:
    multi = connection()
    say(multi, text="a", context_id="a", flush=True)
    (action,) = multi.audio(PACKET, 0, now=0.0)
    assert isinstance(action, Send)
    message = json.loads(action.text)
    assert (message["alignment"]["chars"], message["normalizedAlignment"]["chars"]) == (["a"], ["b"])


# Who may open in silence


def test_a_stranger_is_waited_for() -> None:
    multi = MultiStreamInput({}, RULES, now=0.0, silence_refusal=NO_KEY)
    assert multi.timeout(now=4.0) == []
    assert isinstance(say(multi, now=4.0, text=" ")[0], Open)


def test_a_stranger_who_says_nothing_is_asked_who_it_is() -> None:
    multi = MultiStreamInput({}, RULES, now=0.0, silence_refusal=NO_KEY)
    assert error(multi.timeout(now=5.0))["error"] == "no_key"


def test_audio_without_characters_has_no_times() -> None:
    (message,) = sent(opened("a").audio(Packet(bytes(3), 0.06, 0.06), 0, now=0.0))
    assert message.get("alignment") is None
    assert message.get("normalizedAlignment") is None


def test_what_was_not_the_next_to_be_spoken_is_our_own_mistake() -> None:
    multi = opened("a")
    with pytest.raises(ValueError, match="was not the next"):
        multi.spoken(TurnEnd(0), 0, now=0.0)


def test_closing_the_socket_leaves_a_context_alone_that_is_closing() -> None:
    multi = opened("a")
    say(multi, text="Hello", context_id="a", close_context=True)
    assert items(say(multi, close_socket=True)) == []
