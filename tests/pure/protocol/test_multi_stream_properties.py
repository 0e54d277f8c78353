"""What holds for contexts, for every input in every state."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streaming import errors
from streaming.protocol.actions import Action, Close, Open, Send, Speak, Stop
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.multi_stream_input import MultiStreamInput
from streaming.protocol.packet import Alignment, Packet
from tests.pure.protocol.peer import RULES, say, spoken_texts, texts_in
from tests.pure.protocol.test_messages import ANYTHING
from tests.pure.protocol.test_session_properties import CONFIGS, FAULTS, GARBAGE, TEXTS

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
QUERIES: list[dict[str, str]] = [{}, {"auto_mode": "true"}, {"sync_alignment": "true"}, {"inactivity_timeout": "1"}]
ENDS = st.sampled_from([False] * 4 + [True])
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "context_id": NAMES,
        "text": TEXTS,
        "flush": st.booleans(),
        "close_context": ENDS,
        "generation_config": CONFIGS,
        "voice_settings": st.sampled_from([None, {}, {"speed": 1.1}]),
    },
)
BAD: list[dict[str, Any]] = [{"text": 1}, {"voice_settings": {"speed": "x"}}, {"flush": 2}, {"text": "x" * 5001}]
ALIGNED = Alignment(["a"], [0], [60])
# What may be fatal comes late.
PATIENCE = st.integers(0, 60)


def final_of(name: object) -> Send:
    return Send(json.dumps({"audio": None, "isFinal": True, "contextId": name, "context_id": name}))


class Crowd(RuleBasedStateMachine):
    """Contexts on one connection, under everything that a client and an engine can do to them."""

    session: MultiStreamInput

    @initialize(query=st.sampled_from(QUERIES), patience=PATIENCE)
    def connect(self, query: dict[str, str], patience: int) -> None:
        self.session = MultiStreamInput(query, RULES, now=0.0)
        self.now = 0.0
        self.patience = patience
        self.is_open = self.is_over = self.is_ending = False
        # number of a stream that lives -> what is to be spoken
        self.queues: dict[int, list[Utterance | TurnEnd]] = {}
        self.ended: set[int] = set()

    # What can happen

    @rule(message=MESSAGES)
    def message(self, message: dict[str, Any]) -> None:
        self.take(self.session.receive(json.dumps(message), now=self.now))

    @rule(name=NAMES, bad=st.sampled_from(BAD))
    @precondition(lambda self: self.is_open)
    def bad_message(self, name: str, bad: dict[str, Any]) -> None:
        was_over = self.is_over
        self.take(self.session.receive(json.dumps({"context_id": name, **bad}), now=self.now))
        assert self.is_over == was_over

    @precondition(lambda self: self.patience < 0)
    @rule(raw=GARBAGE | ANYTHING.map(lambda value: json.dumps({"context_id": value, "text": "a"})))
    def garbage(self, raw: str) -> None:
        self.take(self.session.receive(raw, now=self.now))

    @precondition(lambda self: self.patience < 0)
    @rule(message=MESSAGES)
    def close_socket(self, message: dict[str, Any]) -> None:
        self.is_ending = self.is_ending or not self.is_over
        self.take(self.session.receive(json.dumps(message | {"close_socket": True}), now=self.now))
        assert self.is_over or any(self.queues.values())

    @precondition(lambda self: self.patience < 0)
    @rule(fault=st.sampled_from(FAULTS))
    def fault(self, fault: errors.Fault) -> None:
        self.take(self.session.fail(fault))

    @precondition(lambda self: self.patience < 0)
    @rule()
    def leave(self) -> None:
        self.take(self.session.leave(errors.SHUTTING_DOWN))

    @precondition(lambda self: self.queues)
    @rule(data=st.data(), fault=st.sampled_from(FAULTS))
    def fault_of_one(self, data: st.DataObject, fault: errors.Fault) -> None:
        number = data.draw(st.sampled_from(sorted(self.queues)))
        self.take(self.session.fail_stream(fault, number))
        assert number not in self.queues

    @rule(seconds=st.sampled_from([0.1, 1.5, 4.0]))
    def silence(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            actions = self.session.timeout(now=self.now)
            assert actions
            self.take(actions)
        self.now = end

    @precondition(lambda self: any(self.queues.values()))
    @rule(data=st.data())
    def spoken(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(number for number, queue in self.queues.items() if queue)))
        item = self.queues[number].pop(0)
        actions = self.session.spoken(item, number, now=self.now)
        assert (Stop(number) in actions) == isinstance(item, TurnEnd)
        self.take(actions)

    @rule(number=st.integers(0, 8))
    def audio(self, number: int) -> None:
        actions = self.session.audio(Packet(bytes(3), 0.06, 0.0, ALIGNED, ALIGNED), number, now=self.now)
        if number in self.ended or number in self.queues:
            assert len(actions) == (number in self.queues and not self.is_over)
        self.take(actions)

    # What has to hold

    def take(self, actions: Sequence[Action]) -> None:
        assert not (self.is_over and actions), actions
        for place, action in enumerate(actions):
            match action:
                case Open():
                    assert not self.is_open
                    self.is_open = True
                case Speak(item, stream):
                    self.expect_item(item, stream)
                case Stop(stream):
                    assert isinstance(actions[place + 1], Send)
                    self.ended.add(stream)
                    self.queues.pop(stream, None)
                case Send(text):
                    self.expect_message(json.loads(text), actions[place - 1] if place else None, actions[place + 1 :])
                case Close():
                    assert action is actions[-1]
                    self.is_over = True
                    self.queues.clear()
        "".join(texts_in(actions)).encode()  # raises for half a character

    def expect_item(self, item: Utterance | TurnEnd, stream: int) -> None:
        assert self.is_open
        assert stream not in self.ended
        queue = self.queues.setdefault(stream, [])
        assert not any(isinstance(queued, TurnEnd) for queued in queue)
        queue.append(item)
        assert len(self.queues) <= RULES.max_contexts

    def expect_message(self, message: dict[str, Any], before: Action | None, behind: Sequence[Action]) -> None:
        name = message.get("contextId")
        assert message.get("context_id") == name
        if "error" in message and name is None:
            (close,) = behind
            assert isinstance(close, Close)
            assert message["code"] == close.code != 1000
        elif "error" in message:
            assert behind[0] == final_of(name)
        elif message["isFinal"]:
            # Of a stream that has ended, or of one that was refused: then the error is before it.
            assert isinstance(before, Stop | Send)
            assert message["audio"] is None
        else:
            assert isinstance(name, str)
            assert message["audio"]

    @invariant()
    def closed_is_closed(self) -> None:
        self.patience -= 1
        assert self.session.is_closed == self.is_over

    @invariant()
    def somebody_is_waited_for_or_something_is_spoken(self) -> None:
        deadline = self.session.deadline
        if self.is_over or self.is_ending:
            assert deadline is None
        elif deadline is None:
            assert any(self.queues.values())
        else:
            assert self.session.timeout(now=deadline - 0.001) == []


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=100, stateful_step_count=50)


PIECES = st.lists(st.tuples(NAMES, st.text("ab你。 ,.!\n", min_size=1, max_size=60), st.booleans()), max_size=20)


@given(pieces=PIECES)
def test_contexts_say_what_each_would_say_alone(pieces: list[tuple[str, str, bool]]) -> None:
    """However their texts come in between each other. Three contexts, so that there are never too many."""
    together, said = MultiStreamInput({}, RULES, now=0.0), dict[str, list[str]]()
    pieces = [(name, text, flush) for name, text, flush in pieces if name in "abc"]
    for name, text, flush in pieces:
        said.setdefault(name, []).extend(spoken_texts(say(together, context_id=name, text=text, flush=flush)))
    for name, texts in said.items():
        alone, mine = MultiStreamInput({}, RULES, now=0.0), list[str]()
        for _, text, flush in (piece for piece in pieces if piece[0] == name):
            mine += spoken_texts(say(alone, context_id=name, text=text, flush=flush))
        assert texts == mine
