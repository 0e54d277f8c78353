"""What a session says of text that is still arriving, where the engine can use it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.actions import Action, Expect
from streaming.protocol.multi_stream_input import MultiStreamInput
from streaming.protocol.session import Session
from streaming.protocol.stream_input import StreamInput
from streaming.protocol.text_buffer import MAX_UTTERANCE
from tests.pure.protocol.peer import RULES, opened, say, spoken_texts, utterances

AHEAD = replace(RULES, reads_ahead=True)


def expected(actions: Sequence[Action]) -> list[str]:
    return [action.utterance.text for action in actions if isinstance(action, Expect)]


@pytest.mark.parametrize("query", [{"mode": "generate"}, {}], ids=["native", "elevenlabs"])
def test_words_are_expected_until_they_are_spoken(query: dict[str, str]) -> None:
    session = opened(query, rules=AHEAD)
    assert expected(say(session, text="Good morning, ")) == ["Good morning, "]
    assert expected(say(session, text="and wel")) == ["Good morning, and "]
    flushed = say(session, text="come. ", flush=True)
    assert spoken_texts(flushed) == ["Good morning, and welcome. "]
    assert expected(flushed) == []


def test_what_a_schedule_leaves_is_expected_next() -> None:
    session = opened({}, rules=AHEAD)
    say(session, text="Good morning, and welcome to the show. ")
    actions = say(session, text="It is good to have you here with us today, and to see all of you again. Tomorrow ")
    assert len(spoken_texts(actions)) == 1
    assert expected(actions) == ["Tomorrow "]
    (next_one,) = [action.utterance for action in actions if isinstance(action, Expect)]
    assert next_one.index == 1


def test_each_context_has_its_own() -> None:
    multi = MultiStreamInput({}, AHEAD, now=0.0)
    for context, text in (("a", "Good morning, "), ("b", "Good evening, ")):
        (action,) = [each for each in say(multi, text=text, context_id=context) if isinstance(each, Expect)]
        assert action.utterance.text == text
        assert action.stream_number == (0 if context == "a" else 1)


def test_an_engine_that_cannot_use_it_is_told_nothing() -> None:
    assert expected(say(opened({}, rules=RULES), text="Good morning, ")) == []


@given(st.lists(st.text("ab .,", max_size=30) | st.sampled_from(["word " * 60, "今天，"]), max_size=12), st.booleans())
def test_each_is_longer_than_the_one_before_or_begins_anew(texts: list[str], is_native: bool) -> None:
    session: Session = StreamInput({"mode": "generate"} if is_native else {}, AHEAD, now=0.0)
    plain: Session = StreamInput({"mode": "generate"} if is_native else {}, RULES, now=0.0)
    before = ""
    for text in texts:
        actions, without = say(session, text=text or " "), say(plain, text=text or " ")
        # It changes nothing else.
        assert [action for action in actions if not isinstance(action, Expect)] == without
        for beginning in expected(actions):
            assert 0 < len(beginning) <= MAX_UTTERANCE
            assert not (before.startswith(beginning) and not utterances(actions))
            before = beginning
        before = "" if utterances(actions) and not expected(actions) else before
