"""What a connection does when the server is about to end: it finishes its turn, and leaves."""

from typing import Any

import pytest

from streaming.errors import NOT_ADMITTING, SHUTTING_DOWN, ProtocolError
from streaming.protocol.actions import Action
from streaming.protocol.multi_stream_input import MultiStreamInput
from streaming.protocol.packet import Packet
from streaming.protocol.session import Session
from tests.pure.protocol.peer import (
    RULES,
    close_code,
    elevenlabs,
    error,
    items,
    native,
    opened,
    report,
    say,
    sent,
    session,
    spoken_texts,
)

FORWARD: dict[str, Any] = {"type": "ttsInitRequest", "mode": "forward", "audio_channel": "sess:1:audio"}
PACKET = Packet(bytes(3), 0.06)
LAST_WORD = {"message": SHUTTING_DOWN.message, "error": "server_shutdown", "code": 1012}


def leave(connection: Session) -> list[Action]:
    return connection.leave(SHUTTING_DOWN)


def multi(*contexts: str) -> MultiStreamInput:
    made = MultiStreamInput({}, RULES, now=0.0)
    for context in contexts:
        say(made, text=" ", context_id=context)
    return made


def test_a_connection_without_a_turn_leaves_at_once() -> None:
    connection = native()
    assert error(leave(connection)) == LAST_WORD
    assert connection.is_closed


def test_a_turn_is_spoken_to_its_end_and_then_it_leaves() -> None:
    connection = native()
    spoken = say(connection, text="Hello. ", flush=True)
    assert leave(connection) == []
    assert report(connection, spoken) == []
    ending = say(connection, text="Goodbye. ") + say(connection, text="")
    assert spoken_texts(ending) == ["Goodbye. "]
    end = report(connection, ending)
    assert sent(end) == [{"isFinal": True}, LAST_WORD]
    assert close_code(end) == 1012


def test_words_that_wait_for_more_are_a_turn() -> None:
    connection = native()
    say(connection, text="Hel")
    assert leave(connection) == []


def test_a_turn_that_is_begun_meanwhile_is_spoken_too() -> None:
    connection = native()
    first = say(connection, text="One. ") + say(connection, text="")
    leave(connection)
    second = say(connection, text="Two. ") + say(connection, text="")
    assert sent(report(connection, first)) == [{"isFinal": True}]
    assert sent(report(connection, second)) == [{"isFinal": True}, LAST_WORD]


@pytest.mark.parametrize("first", [{"text": " "}, {"text": "Hello"}])
def test_in_the_elevenlabs_dialect_the_connection_is_one_turn(first: dict[str, Any]) -> None:
    connection = elevenlabs()
    say(connection, **first)
    assert leave(connection) == []
    end = report(connection, say(connection, text="Hello. ") + say(connection, text=""))
    assert close_code(end) == 1000


def test_a_client_that_has_not_spoken_yet_may() -> None:
    """It connected before it could know."""
    connection = session({"mode": "generate"})
    assert leave(connection) == []
    spoken = say(connection, text="Hello. ") + say(connection, text="")
    assert close_code(report(connection, spoken)) == 1012


@pytest.mark.parametrize("query", [{}, {"mode": "generate"}])
def test_a_client_that_says_nothing_leaves_after_the_wait(query: dict[str, str]) -> None:
    connection = session(query)
    leave(connection)
    assert connection.timeout(now=1.4) == []
    assert sent(connection.timeout(now=1.5)) == [LAST_WORD]


def test_a_client_that_was_refused_is_told_why() -> None:
    connection = session(refusal=ProtocolError("some_error", "Not for you."))
    assert leave(connection) == []
    assert error(say(connection, text="Hello"))["error"] == "some_error"


def test_new_clients_are_told_to_try_again() -> None:
    connection = session(refusal=NOT_ADMITTING)
    told = error(say(connection, text="Hello"))
    assert (told["error"], told["code"]) == ("server_draining", 1013)


def test_a_connection_that_is_closed_has_nothing_to_say() -> None:
    connection = native()
    connection.disconnected()
    assert leave(connection) == []


def test_without_contexts_it_leaves_at_once() -> None:
    connection = multi("a")
    report(connection, say(connection, context_id="a", close_context=True))
    assert error(leave(connection)) == LAST_WORD


def test_contexts_are_spoken_and_so_are_those_that_are_opened_meanwhile() -> None:
    connection = multi("a")
    assert leave(connection) == []
    assert not sent(say(connection, context_id="b", text="Hello."))
    first = report(connection, say(connection, context_id="a", close_context=True))
    assert close_code(first) is None
    last = report(connection, say(connection, context_id="b", close_context=True))
    assert [message.get("contextId") for message in sent(last)] == ["b", None]
    assert close_code(last) == 1012


def test_a_context_that_fails_was_the_last_one() -> None:
    connection = multi("a")
    leave(connection)
    say(connection, context_id="a", text="Hello.", flush=True)
    assert close_code(connection.fail_stream(NOT_ADMITTING, 0)) == 1012


def test_a_closing_socket_ends_as_usual() -> None:
    connection = multi("a")
    leave(connection)
    ending = say(connection, close_socket=True)
    assert items(ending)
    assert close_code(report(connection, ending)) == 1000


def test_in_forward_mode_it_leaves_at_once_between_batches() -> None:
    connection = opened(**FORWARD)
    connection.audio(PACKET, 0, now=1.0)
    connection.forwarded(now=1.0, is_final=True)
    assert error(leave(connection)) == LAST_WORD


def test_a_batch_is_forwarded_to_its_end() -> None:
    connection = opened(**FORWARD)
    connection.audio(PACKET, 0, now=1.0)
    assert leave(connection) == []
    assert connection.forwarded(now=1.1, is_final=False) == []
    assert sent(connection.forwarded(now=1.2, is_final=True)) == [{"isFinal": True}, LAST_WORD]


def test_so_is_another_batch_that_has_been_published() -> None:
    connection = opened(**FORWARD)
    connection.audio(PACKET, 0, now=1.0)
    leave(connection)
    assert sent(connection.forwarded(now=1.2, is_final=True, is_last=False)) == [{"isFinal": True}]
    assert close_code(connection.forwarded(now=1.3, is_final=True)) == 1012
