"""The other end of a session: says things to it, and reads what comes back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from streaming.errors import Fault, ProtocolError
from streaming.protocol.actions import Action, Close, Open, Send, Speak
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.opening import Rules
from streaming.protocol.parameters import Parameters
from streaming.protocol.session import Session
from streaming.protocol.stream_input import StreamInput

RULES = Rules(
    formats=frozenset({"pcm_16000", "pcm_24000", "mp3_44100_128"}),
    forward_prefixes=("sess:",),
    max_pending_chars=5000,
    max_message_chars=5000,
    max_contexts=3,
)
# What a stranger is told that says nothing.
NO_KEY = Fault("no_key", "Say who you are.", 1008)


def session(
    query: dict[str, str] | None = None, *, rules: Rules = RULES, refusal: ProtocolError | Fault | None = None
) -> Session:
    """A connection made at time 0."""
    return StreamInput(query or {}, rules, now=0.0, refusal=refusal)


def opened(query: dict[str, str] | None = None, *, rules: Rules = RULES, **first: Any) -> Session:
    """The same behind its first message; without one that is a keep-alive."""
    opening = session(query, rules=rules)
    actions = say(opening, **(first or {"text": " "}))
    assert any(isinstance(action, Open) for action in actions), actions
    return opening


def native(**query: str) -> Session:
    return opened({"mode": "generate", **query})


def elevenlabs(**query: str) -> Session:
    return opened(query)


def say(to: Session, *, now: float = 0.0, **message: Any) -> list[Action]:
    return to.receive(json.dumps(message), now=now)


def init(to: Session, *, now: float = 0.0, **message: Any) -> list[Action]:
    return say(to, now=now, type="ttsInitRequest", **message)


def sent(actions: Sequence[Action]) -> list[dict[str, Any]]:
    return [json.loads(action.text) for action in actions if isinstance(action, Send)]


def items(actions: Sequence[Action]) -> list[Utterance | TurnEnd]:
    return [action.item for action in actions if isinstance(action, Speak)]


def utterances(actions: Sequence[Action]) -> list[Utterance]:
    return [item for item in items(actions) if isinstance(item, Utterance)]


def spoken_texts(actions: Sequence[Action]) -> list[str]:
    return [utterance.text for utterance in utterances(actions)]


def report(to: Session, actions: Sequence[Action], *, now: float = 0.0) -> list[Action]:
    """Everything that `actions` asked to be spoken has been spoken."""
    speaks = [action for action in actions if isinstance(action, Speak)]
    return [answer for speak in speaks for answer in to.spoken(speak.item, speak.stream_number, now=now)]


def close_code(actions: Sequence[Action]) -> int | None:
    """The code of the close that stands at the end of `actions`, None if they do not close."""
    closes = [action.code for action in actions if isinstance(action, Close)]
    assert not closes or (len(closes) == 1 and isinstance(actions[-1], Close)), actions
    return closes[0] if closes else None


def error(actions: Sequence[Action]) -> dict[str, Any]:
    """The error message that stands before the close."""
    assert close_code(actions) is not None, actions
    (message,) = sent(actions)
    assert isinstance(message["error"], str)
    assert message["code"] == close_code(actions)
    return message


def parameters(actions: Sequence[Action]) -> Parameters:
    """What the session was opened with."""
    (found,) = [action.parameters for action in actions if isinstance(action, Open)]
    return found


def lead(actions: Sequence[Action]) -> float | None:
    (found,) = [action.parameters.target_lead_ms for action in actions if isinstance(action, Open)]
    return found


def texts_in(found: object) -> Iterator[str]:
    """Every text in a result, however deep: each of them leaves for a socket, a log or the engine."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, list | tuple):
        for part in found:
            yield from texts_in(part)
    elif is_dataclass(found):
        for field in fields(found):
            yield from texts_in(getattr(found, field.name))
