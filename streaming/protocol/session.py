"""One connection's protocol: messages in, actions out. What both endpoints share; `stream_input` and `multi_stream_input`
say what is theirs.

The laws, for every input in every state:

1.  Nothing is sent before the client's first message, or 1.5 s without one, unless the server ends. Errors that are known
    before wait for it, too: a client that is cut off before it has spoken may wait for its speech for ever (LiveKit).
2.  The first message, or that silence, fixes the hard parameters. Changing one later is the client's error. Whoever may not
    open a session in silence is waited for as long as for any other message.
3.  Audio goes out in the order of its stream's text. A stream's final message comes behind all of its audio, carries none
    itself, and only the end of a turn, or of the stream, causes it.
4.  Every error that ends the connection is one message with `message`, `error` and `code`, then a close with that code,
    which is never 1000.
5.  There is one close, and nothing behind it.
6.  Time spent speaking is not idleness.

The session reads no clock: every call brings `now` (seconds, monotonic), and `deadline` says when to call `timeout`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from streaming.errors import (
    INPUT_TIMEOUT,
    INVALID_MESSAGE,
    INVALID_PARAMETER,
    POLICY_VIOLATION,
    TOO_MUCH_TEXT,
    Fault,
    ProtocolError,
)
from streaming.protocol.actions import Action, Close, Open, Send, Speak
from streaming.protocol.context import Context, TurnEnd, Utterance
from streaming.protocol.messages import ClientMessage, audio_message, error_message, read_object
from streaming.protocol.opening import Dialect, Rules, opening_parameters
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.protocol.states import UNSUPPORTED_DATA, Event, State
from streaming.protocol.stream import Stream

INIT_WAIT_SECONDS = 1.5


class Session(ABC):
    """`query`: the request's parameters as text. `refusal`: an error known before the first message (an unknown
    voice, a bad key). `may_open_in_silence`: whether the client is known to be welcome before its first message."""

    def __init__(
        self,
        query: Mapping[str, str],
        rules: Rules,
        *,
        now: float,
        refusal: ProtocolError | Fault | None = None,
        may_open_in_silence: bool = True,
    ) -> None:
        self._query = query
        self._rules = rules
        self._refusal = refusal
        self._state = State.OPENING
        self._dialect = self._dialect_of(query)
        self._parameters = Parameters()
        self._streams: dict[int, Stream] = {}
        self._begun = 0
        self._active_at = now
        self._may_open_in_silence = may_open_in_silence
        may_wait = not (may_open_in_silence or refusal)
        self._opening_ends = now + (self._parameters.inactivity_timeout if may_wait else INIT_WAIT_SECONDS)

    @property
    def is_closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def _is_listening(self) -> bool:
        return self._state in (State.OPENING, State.OPEN)

    @property
    def deadline(self) -> float | None:
        """When to call `timeout`; None while there is nothing to wait for."""
        if self._state is State.OPENING:
            return self._opening_ends
        return self._idle_at() if self._state is State.OPEN else None

    # What the shell reports. Each returns actions, in order.

    def receive(self, raw: str, *, now: float) -> list[Action]:
        """A text frame arrived."""
        # The shell's timer may be late: what the deadline brings comes before the message.
        overdue = self.timeout(now=now) if self._state is State.OPENING else []
        self._active_at = now
        if not self._is_listening:
            return overdue
        try:
            return overdue + self._hear(read_object(raw))
        except ProtocolError as error:
            return overdue + self._refuse(error)

    def receive_binary(self) -> list[Action]:
        """A binary frame arrived: there is none in this protocol."""
        if not self._is_listening:
            return []
        return self._refuse(
            ProtocolError(INVALID_MESSAGE, "Binary frames are not part of this protocol.", is_format=True)
        )

    def refuse(self, error: ProtocolError) -> list[Action]:
        """The shell found the peer's fault itself (a message over the size limit)."""
        return self._refuse(error) if self._is_listening else []

    def timeout(self, *, now: float) -> list[Action]:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return []
        try:
            return self._step(Event.SILENCE, ClientMessage())
        except ProtocolError as error:
            return self._refuse(error)

    def spoken(self, item: Utterance | TurnEnd, stream_number: int, *, now: float) -> list[Action]:
        """Everything of `item` has been delivered. A stream's items are reported in the order in which they were handed
        out."""
        if (found := self._streams.get(stream_number)) is None:
            return []
        self._active_at = now
        found.spoken(item, now=now)
        return self._end_turn(found) if isinstance(item, TurnEnd) and not self.is_closed else []

    def audio(self, packet: Packet, stream_number: int, *, now: float) -> list[Action]:
        """A packet is due."""
        found = self._streams.get(stream_number)
        if found is None or self.is_closed:
            return []
        self._active_at = now
        message = audio_message(self._with_times(packet, found), found.name)
        found.send(packet, now=now)
        return [Send(message)]

    def forwarded(self, *, now: float, is_final: bool) -> list[Action]:
        """Forward mode: something was published to the session's channel and delivered."""
        self._active_at = now
        actions: list[Action] = []
        for stream in self._streams.values():
            stream.touch(now=now)
            if is_final and not self.is_closed:
                actions += self._end_turn(stream)
        return actions

    def fail(self, fault: Fault) -> list[Action]:
        """Something on our side ends the session."""
        if self.is_closed:
            return []
        return self._close_with_error(fault.message, fault.code, fault.close_code)

    def fail_stream(self, fault: Fault, stream_number: int) -> list[Action]:
        """Something on our side ends one stream, and the session if it has no other."""
        return self.fail(fault)

    def disconnected(self) -> None:
        """The peer is gone: nothing more may be sent."""
        self._state = State.CLOSED

    # What each endpoint says for itself

    def _dialect_of(self, query: Mapping[str, str]) -> Dialect:
        """The dialect as far as the query tells."""
        return Dialect.ELEVENLABS

    @abstractmethod
    def _hear(self, data: Mapping[str, Any]) -> list[Action]:
        """A message that is a JSON object. Raises ProtocolError for what ends the connection."""

    @abstractmethod
    def _take_content(self, message: ClientMessage) -> list[Action]:
        """What a message says, the hard parameters aside, which are fixed."""

    @abstractmethod
    def _take_last(self, message: ClientMessage) -> list[Action]:
        """The same, and the client wants the connection closed behind it."""

    @abstractmethod
    def _idle_at(self) -> float | None:
        """When somebody has been idle for too long."""

    @abstractmethod
    def _end_idle(self, message: ClientMessage) -> list[Action]:
        """That time has come."""

    @abstractmethod
    def _end_turn(self, stream: Stream) -> list[Action]:
        """All of a turn has been delivered."""

    @abstractmethod
    def _with_times(self, packet: Packet, stream: Stream) -> Packet:
        """The packet with the alignment that the client is told."""

    # The transition table. States and events that are not in it do nothing.

    def _step(self, event: Event, message: ClientMessage) -> list[Action]:
        if self._state is State.OPENING and self._refusal:
            return self.fail(self._refusal) if isinstance(self._refusal, Fault) else self._refuse(self._refusal)
        handler = _TRANSITIONS.get((self._state, event))
        return handler(self, message) if handler else []

    def _open_with_content(self, message: ClientMessage) -> list[Action]:
        return self._open(message) + self._continue(message)

    def _open_with_last(self, message: ClientMessage) -> list[Action]:
        return self._open(message) + self._take_last(message)

    def _open_in_silence(self, message: ClientMessage) -> list[Action]:
        return self._open(message) if self._may_open_in_silence else self._end_idle(message)

    def _continue(self, message: ClientMessage) -> list[Action]:
        self._check_unchanged(message)
        return self._take_content(message)

    def _end(self, message: ClientMessage) -> list[Action]:
        self._check_unchanged(message)
        return self._take_last(message)

    def _late_init(self, message: ClientMessage) -> list[Action]:
        raise ProtocolError(INVALID_MESSAGE, "ttsInitRequest must be the first message, within 1.5 seconds.")

    # Fixing the parameters

    def _open(self, message: ClientMessage) -> list[Action]:
        self._parameters = opening_parameters(self._query, message, self._dialect, self._rules)
        self._state = State.OPEN
        return [Open(self._parameters)]

    def _check_unchanged(self, message: ClientMessage) -> None:
        for name, value in message.hard.items():
            if getattr(self._parameters, name) != value:
                text = f"{name} is fixed for this connection and cannot become {value!r}."
                raise ProtocolError(INVALID_PARAMETER, text, ends_connection=True)

    # Streams

    def _begin_stream(self, name: str | None) -> Stream:
        is_native = self._dialect is Dialect.NATIVE
        context = Context(self._parameters, by_turn=is_native, default_schedule=not is_native)
        stream = Stream(self._begun, name, context, now=self._active_at)
        self._streams[stream.number] = stream
        self._begun += 1
        return stream

    def _check_room(self, message: ClientMessage) -> None:
        """Raises ProtocolError where there is more text than may be."""
        length, rules = len(message.text or " "), self._rules
        if length > rules.max_message_chars:
            raise ProtocolError(
                TOO_MUCH_TEXT, f"The text of a message has at most {rules.max_message_chars} characters."
            )
        if length + sum(stream.waiting_chars for stream in self._streams.values()) > rules.max_pending_chars:
            text = f"More than {rules.max_pending_chars} characters are waiting to be spoken."
            raise ProtocolError(TOO_MUCH_TEXT, text)

    def _speak(self, stream: Stream, message: ClientMessage) -> list[Action]:
        return [Speak(item, stream.number) for item in stream.receive(message, now=self._active_at)]

    # Ending

    def _refuse(self, error: ProtocolError) -> list[Action]:
        is_native_format_error = error.is_format and self._dialect is Dialect.NATIVE
        code = UNSUPPORTED_DATA if is_native_format_error else POLICY_VIOLATION
        return self._close_with_error(error.message, error.code, code)

    def _refuse_idle(self, seconds: float) -> list[Action]:
        text = f"No text was received for {seconds:g} seconds."
        return self._close_with_error(text, INPUT_TIMEOUT, POLICY_VIOLATION)

    def _close_with_error(self, message: str, error: str, code: int) -> list[Action]:
        return [Send(error_message(message=message, error=error, close_code=code)), *self._close(code, message)]

    def _close(self, code: int, reason: str = "") -> list[Action]:
        self._state = State.CLOSED
        return [Close(code, reason)]


_Handler = Callable[[Session, ClientMessage], list[Action]]
_TRANSITIONS: dict[tuple[State, Event], _Handler] = {
    (State.OPENING, Event.INIT): Session._open_with_content,
    (State.OPENING, Event.CONTENT): Session._open_with_content,
    (State.OPENING, Event.LAST): Session._open_with_last,
    (State.OPENING, Event.SILENCE): Session._open_in_silence,
    (State.OPEN, Event.INIT): Session._late_init,
    (State.OPEN, Event.CONTENT): Session._continue,
    (State.OPEN, Event.LAST): Session._end,
    # Abstract methods cannot stand here themselves: the endpoint's own are meant.
    (State.OPEN, Event.SILENCE): lambda session, message: session._end_idle(message),
}
