"""What holds for every input in every state."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streaming import errors
from streaming.errors import Fault, ProtocolError
from streaming.protocol.actions import Action, Close, Open, Send, Speak
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.opening import Rules
from streaming.protocol.packet import Alignment, Packet
from streaming.protocol.session import Session
from streaming.protocol.stream_input import StreamInput
from tests.pure.protocol.peer import report, say, session, spoken_texts, texts_in
from tests.pure.protocol.test_messages import ANYTHING

RULES = Rules(
    formats=frozenset({"pcm_16000", "pcm_24000"}),
    forward_prefixes=("sess:",),
    max_pending_chars=2000,
    max_message_chars=1000,
    max_contexts=3,
    default_format="pcm_24000",
)
PACKET = Packet(bytes(3), 0.06, 0.0, Alignment(["a"], [0], [60]), Alignment(["a"], [0], [60]))
REFUSAL = ProtocolError(errors.VOICE_NOT_FOUND, "There is no such voice.")
FAULTS = [value for value in vars(errors).values() if isinstance(value, Fault)]
GOOD_QUERIES: list[dict[str, str]] = [
    {},
    {"mode": "generate"},
    {"mode": "forward", "audio_channel": "sess:1"},
    {"auto_mode": "true"},
    {"inactivity_timeout": "1"},
    {"sync_alignment": "True", "chunk_length_schedule": "5,30"},
]
BAD_QUERIES = [{"mode": "forward"}, {"speed": "fast"}, {"output_format": "mp3_44100_128"}]
QUERIES = st.sampled_from(GOOD_QUERIES * 4 + BAD_QUERIES)
TEXTS = st.sampled_from(["", " ", "\n", "word ", "Hel", "lo. ", "A sentence of its own. ", "你好。", "long " * 40])
GOOD_CONFIGS: list[dict[str, Any]] = [
    {},
    {"speed": 1.5, "language": None},
    {"chunk_length_schedule": [5]},
    {"chunk_length_schedule": [20, 60]},
    {"inactivity_timeout": 5},
    {"auto_mode": True},
    {"sync_alignment": True},
    {"mode": "generate", "output_format": "pcm_24000"},
]
BAD_CONFIGS: list[dict[str, Any]] = [
    {"speed": 9},
    {"chunk_length_schedule": []},
    {"output_format": "pcm_16000"},
    {"output_format": 1},
    {"audio_channel": "sess:1"},
    {"mode": "forward"},
    {"language": "\ud800"},
]
CONFIGS = st.sampled_from(GOOD_CONFIGS)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "flush": st.booleans(),
        "try_trigger_generation": st.booleans(),
        "generation_config": CONFIGS,
        "voice_settings": st.sampled_from([None, {}, {"speed": 1.1}]),
    },
)
KEYS = st.sampled_from(
    ["type", "text", "flush", "generation_config", "voice_settings", "speed", "mode", "output_format"]
)
GARBAGE = st.one_of(
    st.text(),
    st.binary().map(lambda data: data.decode("utf-8", "replace")),
    ANYTHING.map(json.dumps),
    st.dictionaries(KEYS, ANYTHING | st.just("ttsInitRequest"), max_size=4).map(json.dumps),
)


class Conversation(RuleBasedStateMachine):
    """A session under everything that a client, an engine and a publisher can do to it."""

    session: Session

    @initialize(
        query=QUERIES, refusal=st.sampled_from([None] * 9 + [REFUSAL, errors.OVERLOADED]), patience=st.integers(0, 35)
    )
    def connect(self, query: dict[str, str], refusal: ProtocolError | Fault | None, patience: int) -> None:
        """`patience`: how many steps pass before anything happens that has to close the session."""
        self.session = StreamInput(query, RULES, now=0.0, refusal=refusal)
        self.now = 0.0
        self.mode: str | None = None
        self.queue: list[Utterance | TurnEnd] = []
        self.is_over = False
        self.turns_ended = -1
        self.patience = patience

    # What can happen

    @rule(message=MESSAGES)
    def message(self, message: dict[str, Any]) -> None:
        self.take(self.session.receive(json.dumps(message), now=self.now))

    @precondition(lambda self: self.mode is None or self.patience < 0)
    @rule(message=MESSAGES, parameters=CONFIGS)
    def init(self, message: dict[str, Any], parameters: dict[str, Any]) -> None:
        raw = json.dumps({"type": "ttsInitRequest", **parameters, **message})
        self.take(self.session.receive(raw, now=self.now))

    @precondition(lambda self: self.patience < 0)
    @rule(message=MESSAGES, parameters=st.sampled_from(BAD_CONFIGS))
    def bad_parameters(self, message: dict[str, Any], parameters: dict[str, Any]) -> None:
        self.take(self.session.receive(json.dumps(message | {"generation_config": parameters}), now=self.now))

    @precondition(lambda self: self.patience < 0)
    @rule(raw=GARBAGE)
    def garbage(self, raw: str) -> None:
        self.take(self.session.receive(raw, now=self.now))

    @precondition(lambda self: self.patience < 0)
    @rule()
    def binary(self) -> None:
        self.take(self.session.receive_binary())

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.5, 4.0]))
    def silence(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now, was_open = max(self.now, deadline), self.mode is not None
            self.take(self.session.timeout(now=self.now))
            assert self.is_over or (self.mode and not was_open)
        self.now = end

    @precondition(lambda self: self.queue)
    @rule()
    def spoken(self) -> None:
        item = self.queue.pop(0)
        may_end = item.turn if isinstance(item, TurnEnd) else None
        assert may_end is None or all(queued.turn > may_end for queued in self.queue)
        self.take(self.session.spoken(item, 0, now=self.now), may_be_final=may_end is not None)

    @precondition(lambda self: self.mode)
    @rule()
    def audio(self) -> None:
        self.take(self.session.audio(PACKET, 0, now=self.now))

    @precondition(lambda self: self.mode == "forward")
    @rule(is_final=st.booleans())
    def forwarded(self, is_final: bool) -> None:
        self.take(self.session.forwarded(now=self.now, is_final=is_final), may_be_final=is_final)

    @precondition(lambda self: self.patience < 0)
    @rule(fault=st.sampled_from(FAULTS))
    def fault(self, fault: Fault) -> None:
        self.take(self.session.fail(fault))

    @precondition(lambda self: self.patience < 0)
    @rule()
    def leave(self) -> None:
        self.take(self.session.leave(errors.SHUTTING_DOWN))

    @precondition(lambda self: self.patience < 0)
    @rule()
    def refusal_of_the_shell(self) -> None:
        self.take(self.session.refuse(ProtocolError(errors.INVALID_MESSAGE, "Too long.")))

    @precondition(lambda self: self.patience < 0)
    @rule()
    def disconnect(self) -> None:
        self.session.disconnected()
        self.is_over = True

    # What has to hold

    def take(self, actions: Sequence[Action], *, may_be_final: bool = False) -> None:
        assert not (self.is_over and actions), actions
        for place, action in enumerate(actions):
            match action:
                case Open():
                    assert self.mode is None
                    self.mode = action.parameters.mode
                case Speak(item, stream):
                    assert stream == 0
                    self.expect_turn(item)
                case Send(text):
                    self.expect_message(json.loads(text), actions[place + 1 :], may_be_final=may_be_final)
                case Close():
                    assert action is actions[-1]
                    self.is_over = True
        "".join(texts_in(actions)).encode()  # raises for half a character

    def expect_turn(self, item: Utterance | TurnEnd) -> None:
        assert self.mode == "generate"
        assert item.turn == self.turns_ended + 1
        self.turns_ended += isinstance(item, TurnEnd)
        self.queue.append(item)

    def expect_message(self, message: dict[str, Any], behind: Sequence[Action], *, may_be_final: bool) -> None:
        if "error" in message:
            (close,) = behind
            assert isinstance(close, Close)
            assert message["code"] == close.code != 1000
            assert message["message"]
        elif message["isFinal"]:
            assert may_be_final
            # Only the elevenlabs dialect closes behind it, unless the server is about to end.
            closes = bool(behind) and isinstance(behind[0], Close)
            assert message == ({"audio": None, "isFinal": True} if closes else {"isFinal": True})
        else:
            assert message.keys() == {"audio", "isFinal", "normalizedAlignment", "alignment"}

    @invariant()
    def closed_is_closed(self) -> None:
        self.patience -= 1
        assert self.session.is_closed == self.is_over

    @invariant()
    def there_is_a_deadline_unless_something_is_spoken(self) -> None:
        deadline = self.session.deadline
        if self.is_over or (self.queue and self.mode == "generate"):
            assert deadline is None
        else:
            assert deadline is not None
            assert self.session.timeout(now=deadline - 0.001) == []


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=100, stateful_step_count=40)


PARTS = st.lists(
    st.fixed_dictionaries(
        {"text": st.text("ab你。 ,.!\n”-", min_size=1, max_size=80)},
        optional={"flush": st.booleans(), "try_trigger_generation": st.booleans()},
    ),
    max_size=25,
)
SCHEDULES = st.none() | st.lists(st.integers(1, 100), min_size=1, max_size=3)


@given(query=st.sampled_from([{}, {"mode": "generate"}, {"auto_mode": "true"}]), parts=PARTS, schedule=SCHEDULES)
def test_what_is_spoken_is_the_text_in_order(
    query: dict[str, str], parts: list[dict[str, Any]], schedule: list[int] | None
) -> None:
    connection, waiting = session(query), ""
    say(connection, generation_config={"chunk_length_schedule": schedule})
    for part in [*parts, {"text": ""}]:
        # Blanks before any text are dropped; everything else comes out as it went in.
        waiting += part["text"] if waiting.strip() or part["text"].strip() else ""
        for text in spoken_texts(say(connection, **part)):
            assert waiting.startswith(text)
            waiting = waiting.removeprefix(text)
        if part.get("flush") or part["text"] == "":
            assert not waiting.strip()
            waiting = ""


@given(parts=PARTS, schedule=SCHEDULES)
def test_no_cut_is_inside_a_word(parts: list[dict[str, Any]], schedule: list[int] | None) -> None:
    connection = session({"mode": "generate"})
    say(connection, generation_config={"chunk_length_schedule": schedule})
    for part in parts:
        texts = spoken_texts(say(connection, **part))
        # A flush may come in the middle of a word: that cut is the client's.
        for text in texts[:-1] if part.get("flush") else texts:
            assert text[-1].isspace() or text[-1] in "。”"


@given(st.text(min_size=1, max_size=300), st.lists(st.integers(0, 300), max_size=30))
def test_the_cutting_into_messages_does_not_change_what_is_said_until_the_end(text: str, cuts: list[int]) -> None:
    connection, edges = session({"mode": "generate"}), sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for start, end in pairwise(edges):
        say(connection, text=text[start:end])
    said = "".join(spoken_texts(say(connection, text="")))
    whole = session({"mode": "generate"})
    say(whole, text=text)
    assert said.strip() == "".join(spoken_texts(say(whole, text=""))).strip()


@given(st.lists(st.sampled_from(["a", "flush", ""]), max_size=40))
def test_every_end_has_one_final_message(messages: list[str]) -> None:
    connection, finals = session({"mode": "generate"}), 0
    for message in messages:
        actions = say(connection, flush=True) if message == "flush" else say(connection, text=message)
        finals += len(report(connection, actions))
    assert finals == messages.count("")
