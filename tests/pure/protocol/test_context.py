"""One stream of text: what is spoken, in which turn, with which settings."""

from collections.abc import Mapping
from typing import Any

from streaming.protocol.context import Context, TurnEnd, Utterance
from streaming.protocol.messages import ClientMessage
from streaming.protocol.parameters import Parameters

LONG = "word " * 100


def native_context() -> Context:
    return Context(Parameters(), by_turn=True, default_schedule=False)


def elevenlabs_context() -> Context:
    return Context(Parameters(), by_turn=False, default_schedule=True)


def say(
    context: Context, text: str | None = None, *, flush: bool = False, settings: Mapping[str, Any] | None = None
) -> list[Utterance | TurnEnd]:
    return context.receive(ClientMessage(text=text, flush=flush, settings=settings or {}))


def spoken(context: Context, text: str | None = None, **parts: Any) -> Utterance:
    (utterance,) = say(context, text, flush=True, **parts)
    assert isinstance(utterance, Utterance)
    return utterance


def test_an_utterance_says_where_it_stands() -> None:
    context = elevenlabs_context()
    assert spoken(context, "One") == Utterance(0, 0, "One", Parameters())
    assert spoken(context, "Two") == Utterance(0, 1, "Two", Parameters())


def test_the_pieces_of_one_flush_are_counted_one_by_one() -> None:
    places = [item.index for item in say(native_context(), LONG, flush=True) if isinstance(item, Utterance)]
    assert places == [0, 1]


def test_an_end_speaks_the_rest_and_begins_a_turn() -> None:
    context = native_context()
    say(context, "One")
    assert say(context, "") == [Utterance(0, 0, "One", Parameters()), TurnEnd(0)]
    assert spoken(context, "Two") == Utterance(1, 0, "Two", Parameters())


def test_an_end_of_nothing_is_an_end() -> None:
    assert say(native_context(), "") == [TurnEnd(0)]


def test_a_blank_rest_is_not_spoken_at_the_end() -> None:
    context = native_context()
    say(context, "One", flush=True)
    say(context, " ")
    assert say(context, "") == [TurnEnd(0)]


def test_what_is_buffered_is_counted() -> None:
    context = native_context()
    say(context, "Hello")
    assert context.buffered_chars == 5
    say(context, flush=True)
    assert context.buffered_chars == 0


def test_no_default_schedule_waits_for_a_flush() -> None:
    assert say(native_context(), LONG) == []


def test_the_default_schedule_speaks_by_itself() -> None:
    assert say(elevenlabs_context(), LONG) != []


def test_a_given_schedule_replaces_the_default_one() -> None:
    assert say(elevenlabs_context(), LONG, settings={"chunk_length_schedule": (500, 500)})[1:] == []


def test_by_turn_settings_wait_for_the_next_turn() -> None:
    context = native_context()
    say(context, "One")
    assert spoken(context, settings={"speed": 1.5}).parameters.speed is None
    say(context, "")
    assert spoken(context, "Two").parameters.speed == 1.5


def test_by_turn_a_blank_text_does_not_begin_the_turn() -> None:
    context = native_context()
    say(context, " ")
    say(context, settings={"speed": 1.5})
    assert spoken(context, "One").parameters.speed == 1.5


def test_by_turn_several_changes_add_up() -> None:
    context = native_context()
    say(context, "One", settings={"speed": 1.5})
    say(context, settings={"language": "ru"})
    say(context, "", settings={"speed": 1.2})
    found = spoken(context, "Two").parameters
    assert (found.speed, found.language) == (1.2, "ru")


def test_by_utterance_settings_hold_at_once() -> None:
    context = elevenlabs_context()
    say(context, "One")
    assert spoken(context, settings={"speed": 1.5}).parameters.speed == 1.5


def test_auto_mode_speaks_each_message_with_what_was_buffered() -> None:
    context = elevenlabs_context()
    say(context, "One ")
    (utterance,) = say(context, "two", settings={"auto_mode": True})
    assert isinstance(utterance, Utterance)
    assert utterance.text == "One two"


def test_auto_mode_says_nothing_for_a_message_without_text() -> None:
    context = elevenlabs_context()
    say(context, settings={"auto_mode": True})
    assert say(context) == []


def test_a_break_is_a_pause_behind_the_text_before_it() -> None:
    found = say(elevenlabs_context(), 'One. <break time="1.5s"/> Two.', flush=True)
    assert found == [Utterance(0, 0, "One. ", Parameters(), 1.5), Utterance(0, 1, " Two.", Parameters())]


def test_a_break_before_any_text_is_a_silence_of_its_own() -> None:
    assert say(elevenlabs_context(), "<break/>One.", flush=True) == [
        Utterance(0, 0, "", Parameters(), 0.5),
        Utterance(0, 1, "One.", Parameters()),
    ]


def test_a_tag_may_come_in_pieces() -> None:
    context = elevenlabs_context()
    assert say(context, "One <pho") == []
    assert context.buffered_chars == 8
    say(context, 'neme alphabet="ipa" ph="tuː">two</phon')
    assert spoken(context, "eme>.").text == "One two."


def test_auto_mode_does_not_speak_half_a_tag() -> None:
    context = elevenlabs_context()
    (utterance,) = say(context, "One. <break ti", settings={"auto_mode": True})
    assert isinstance(utterance, Utterance)
    assert utterance.text == "One. "
    assert say(context, 'me="1s"/>') == [Utterance(0, 1, "", Parameters(auto_mode=True), 1.0)]


def test_half_a_tag_does_not_outlive_its_turn() -> None:
    context = native_context()
    assert say(context, 'One <break time="') == []
    assert say(context, "") == [Utterance(0, 0, "One ", Parameters()), TurnEnd(0)]
    assert spoken(context, '1s"/>Two').text == '1s"/>Two'


def test_a_text_is_cut_as_the_language_of_the_request_is_written() -> None:
    """In German, "31." may be the day of a month; in English, a sentence ends there."""

    def first(language: str) -> str:
        context = Context(Parameters(language=language), by_turn=False, default_schedule=True)
        settings = {"chunk_length_schedule": (50,)}
        said = say(
            context, "It came, as anybody could have told them, to 31. Dezember and the others", settings=settings
        )
        assert isinstance(said[0], Utterance)
        return said[0].text

    assert first("en") == "It came, as anybody could have told them, to 31. "
    assert first("de") == "It came, as anybody could have told them, "


# Text that is still arriving


def told(context: Context, *texts: str) -> list[str | None]:
    """What is expected after each text."""
    found = []
    for text in texts:
        say(context, text)
        expected = context.expected()
        found.append(expected.text if expected else None)
    return found


def test_whole_words_are_expected_as_they_arrive() -> None:
    context = native_context()
    assert told(context, "Hello ", "there, ", "al", "l of ", "you.") == [
        "Hello ",
        "Hello there, ",
        None,
        "Hello there, all of ",
        None,
    ]


def test_one_letter_is_no_news() -> None:
    assert told(native_context(), "Hello ", "a ", "b ", "c ") == ["Hello ", None, "Hello a b ", None]


def test_chinese_is_expected_by_clauses() -> None:
    assert told(native_context(), "今天天气", "很好，", "孩子们") == [None, "今天天气很好，", None]


def test_what_was_spoken_is_expected_no_more() -> None:
    context = native_context()
    assert told(context, "Hello there ") == ["Hello there "]
    say(context, flush=True)
    assert context.expected() is None
    assert told(context, "Hello there ") == ["Hello there "]


def test_what_is_expected_stands_where_it_will_be_spoken() -> None:
    context = native_context()
    say(context, "One.", flush=True)
    say(context, "Two ", settings={"seed": 7})
    expected = context.expected()
    assert expected == Utterance(0, 1, "Two ", Parameters())
    say(context, "")
    say(context, "Three ")
    assert context.expected() == Utterance(1, 0, "Three ", Parameters(seed=7))


def test_more_than_an_utterance_and_pauses_are_not_expected() -> None:
    context = native_context()
    assert told(context, "word " * 50, "more ")[1:] == [None]
    paused = native_context()
    assert told(paused, "Hello there <break time='1s'/> ", "all of you ") == [None, None]


def test_times_that_are_not_always_told_are_told_where_they_are_asked_for() -> None:
    context = Context(Parameters(), by_turn=True, default_schedule=False, always_timed=False)
    assert not spoken(context, "One").is_timed
    say(context, "")
    assert spoken(context, "Two", settings={"sync_alignment": True}).is_timed
