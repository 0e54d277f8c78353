"""The two transition tables, pair by pair: what a session does on its way is compared with what the table says."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from streaming.errors import INTERNAL_ERROR, ProtocolError
from streaming.protocol.actions import Action, Close, Open, Send
from streaming.protocol.connection import TRANSITIONS
from streaming.protocol.multi_stream_input import CONTEXT_TRANSITIONS, MultiStreamInput
from streaming.protocol.session import Session
from streaming.protocol.states import ContextEvent, Event, Standing, Standings, State
from streaming.protocol.stream_input import StreamInput
from tests.pure.protocol.peer import NO_KEY, RULES, report, say, session

PAIRS = list(product(State, Event))
CONTEXT_PAIRS = list(product(Standing, ContextEvent))
WAITS = 20.0


def in_state(state: State) -> Session:
    """A connection that was brought there by what clients do."""
    made = session(refusal=ProtocolError("some_error", "Not for you.") if state is State.REFUSED else None)
    if state in (State.OPEN, State.ENDING):
        say(made, text="Hello. ")
    if state is State.ENDING:
        say(made, text="")
    if state is State.CLOSED:
        made.fail(INTERNAL_ERROR)
    assert made.state is state
    return made


def hang_up(made: Session) -> list[Action]:
    made.disconnected()
    return []


# What the client or the shell does for each event. The others have tests of their own.
CAUSES: dict[Event, Callable[[Session], list[Action]]] = {
    Event.INIT: lambda made: say(made, type="ttsInitRequest"),
    Event.CONTENT: lambda made: say(made, text="More. "),
    Event.LAST: lambda made: say(made, text=""),
    Event.MISTAKE: lambda made: made.receive("{", now=0.0),
    Event.FAILURE: lambda made: made.fail(INTERNAL_ERROR),
    Event.GONE: hang_up,
}


def test_every_pair_is_a_transition_or_nothing() -> None:
    assert set(TRANSITIONS) <= set(PAIRS)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.CLOSED}
    assert set(CONTEXT_TRANSITIONS) <= set(CONTEXT_PAIRS)
    assert {standing for standing, _ in CONTEXT_TRANSITIONS} == set(Standing)


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in TRANSITIONS], ids=str)
def test_a_pair_that_is_not_in_the_table_does_nothing(state: State, event: Event) -> None:
    made = in_state(state)
    assert made._step(event) == []
    assert made.state is state


@pytest.mark.parametrize(
    ("state", "event"), [pair for pair in PAIRS if pair in TRANSITIONS and pair[1] in CAUSES], ids=str
)
def test_a_connection_goes_where_the_table_says(state: State, event: Event) -> None:
    made = in_state(state)
    actions = CAUSES[event](made)
    assert made.state is TRANSITIONS[state, event][1]
    assert any(isinstance(action, Close) for action in actions) == (made.is_closed and event is not Event.GONE)
    assert any(isinstance(action, Open) for action in actions) == (state is State.OPENING and not made.is_closed)


@pytest.mark.parametrize("state", [State.OPENING, State.REFUSED])
def test_silence_goes_where_the_table_says(state: State) -> None:
    made = in_state(state)
    assert made.timeout(now=2.0)
    assert made.state is TRANSITIONS[state, Event.SILENCE][1]


@pytest.mark.parametrize("state", [State.OPENING, State.OPEN])
def test_idleness_goes_where_the_table_says(state: State) -> None:
    made = StreamInput({}, RULES, now=0.0, silence_refusal=None if state is State.OPEN else NO_KEY)
    if state is State.OPEN:
        say(made, text=" ")
    assert any(isinstance(action, Close) for action in made.timeout(now=WAITS))
    assert made.state is TRANSITIONS[state, Event.IDLE][1]


def test_what_has_been_delivered_ends_a_connection_as_the_table_says() -> None:
    ending = session()
    actions = say(ending, text="Hello. ") + say(ending, text="")
    assert ending.state is State.ENDING
    assert report(ending, actions)[-1] == Close(1000)
    assert ending.state is TRANSITIONS[State.ENDING, Event.DELIVERED][1]


@pytest.mark.parametrize(("refused", "ends"), [(False, State.OPEN), (True, State.CLOSED)])
def test_an_unreadable_first_message_goes_where_the_table_says(*, refused: bool, ends: State) -> None:
    refusal = ProtocolError("some_error", "Not for you.") if refused else None
    multi = MultiStreamInput({}, RULES, now=0.0, refusal=refusal)
    actions = say(multi, text=5, context_id="a")
    assert multi.state is ends is TRANSITIONS[State.REFUSED if refused else State.OPENING, Event.HARD_ONLY][1]
    # What is told is the refusal, and nothing about a context.
    assert len([action for action in actions if isinstance(action, Send)]) == (1 if refused else 2)


# Contexts


def context_in(standing: Standing) -> MultiStreamInput:
    multi = MultiStreamInput({}, RULES, now=0.0)
    say(multi, text=" ", context_id="other")
    if standing in (Standing.OPEN, Standing.DRAINING):
        say(multi, text="Hello. ", context_id="a")
    if standing is Standing.DRAINING:
        say(multi, close_context=True, context_id="a")
    if standing is Standing.FAILED:
        say(multi, text=5, context_id="a")
    assert multi._standing("a") is standing
    return multi


CONTEXT_CAUSES: dict[ContextEvent, dict[str, object]] = {
    ContextEvent.TEXT: {"text": "More. "},
    ContextEvent.BLANK: {"text": " "},
    ContextEvent.SIGN: {"flush": True},
    ContextEvent.END: {"close_context": True},
    ContextEvent.UNREADABLE: {"text": 5},
}


@pytest.mark.parametrize(
    ("standing", "event"), [pair for pair in CONTEXT_PAIRS if pair not in CONTEXT_TRANSITIONS], ids=str
)
def test_a_pair_that_is_not_in_the_contexts_table_does_nothing(standing: Standing, event: ContextEvent) -> None:
    multi = context_in(standing)
    assert multi._step_context(event, "a") == []
    assert multi._standing("a") is standing


@pytest.mark.parametrize(
    ("standing", "event"),
    [pair for pair in CONTEXT_PAIRS if pair in CONTEXT_TRANSITIONS and pair[1] in CONTEXT_CAUSES],
    ids=str,
)
def test_a_context_goes_where_its_table_says(standing: Standing, event: ContextEvent) -> None:
    multi = context_in(standing)
    fields: dict[str, Any] = {"context_id": "a"} | CONTEXT_CAUSES[event]
    say(multi, **fields)
    assert multi._standing("a") is CONTEXT_TRANSITIONS[standing, event][1]
    assert multi.state is State.OPEN


@pytest.mark.parametrize("standing", [Standing.UNKNOWN, Standing.OPEN, Standing.FAILED])
def test_a_context_that_asks_for_too_much_fails(standing: Standing) -> None:
    multi = context_in(standing)
    for number in range(RULES.max_contexts):
        say(multi, text=" ", context_id=f"one more {number}")
    too_long = {"text": "a" * (RULES.max_message_chars + 1)} if standing is Standing.OPEN else {"text": " "}
    fields: dict[str, Any] = {"context_id": "a"} | too_long
    say(multi, **fields)
    assert multi._standing("a") is CONTEXT_TRANSITIONS[standing, ContextEvent.MISTAKE][1] is Standing.FAILED


@pytest.mark.parametrize("standing", [Standing.OPEN, Standing.DRAINING])
def test_a_context_whose_stream_fails_has_failed(standing: Standing) -> None:
    multi = context_in(standing)
    multi.fail_stream(INTERNAL_ERROR, 1)
    assert multi._standing("a") is CONTEXT_TRANSITIONS[standing, ContextEvent.FAILURE][1]


def test_an_idle_context_drains_and_ends_when_all_is_delivered() -> None:
    multi = MultiStreamInput({}, RULES, now=0.0)
    say(multi, text=" ", context_id="a")
    actions = multi.timeout(now=WAITS)
    assert multi._standing("a") is CONTEXT_TRANSITIONS[Standing.OPEN, ContextEvent.DRAIN][1]
    assert report(multi, actions, now=WAITS)
    assert multi._standing("a") is CONTEXT_TRANSITIONS[Standing.DRAINING, ContextEvent.DELIVERED][1]


def test_names_that_have_failed_are_forgotten_in_time_and_in_number() -> None:
    standings = Standings(most_failed=2)
    for second, name in enumerate("abc"):
        standings.enter(name, Standing.FAILED, now=float(second))
    at_once = [standings.of(name, now=2.0, patience=10.0) for name in "abc"]
    assert at_once == [Standing.UNKNOWN, Standing.FAILED, Standing.FAILED]
    assert [standings.of(name, now=11.0, patience=10.0) for name in "bc"] == [Standing.UNKNOWN, Standing.FAILED]
