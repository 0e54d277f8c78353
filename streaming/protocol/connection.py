"""The laws of a connection, its transition table, and what the table says to do.

`session` has what the shell calls; `stream_input` and `multi_stream_input` have what is different between the endpoints.

The laws, for every input in every state:

1.  Nothing is sent before the client's first message, or before 1.5 s have passed without one, unless the server ends. This
    holds for errors that are known earlier, too: a client that is cut off before it has spoken may wait for its speech for
    ever (LiveKit).
2.  The first message, or that silence, fixes the hard parameters. Changing one later is the client's error. A client that
    has to say who it is has 5 s for that, and learns nothing else before, neither from words nor from the time.
3.  Audio goes out in the order of its stream's text. A stream's final message comes after all of its audio, carries none
    itself, and is caused only by the end of a turn or of the stream.
4.  Every error that ends the connection is one message with `message`, `error` and `code`, then a close with that code,
    which is never 1000.
5.  There is one close, and nothing is sent after it.
6.  Time spent speaking is not idleness.
7.  A connection that is told to leave, because the server is about to end, does so with an error as soon as it is open and
    no turn runs on it. A turn that has begun is finished first, and what the client begins meanwhile belongs to it.

The session reads no clock: every call brings `now` (seconds, monotonic), and `deadline` says when to call `timeout`.

The transition table at the end of the file, (state, event) -> (handler, next state), is the only place that moves a
connection; a pair that is not in it does nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from streaming.errors import (
    INPUT_TIMEOUT,
    INVALID_MESSAGE,
    INVALID_PARAMETER,
    POLICY_VIOLATION,
    Fault,
    ProtocolError,
    name_of,
)
from streaming.protocol.actions import Action, Close, Expect, Open, Send, Speak
from streaming.protocol.dialect import Dialect
from streaming.protocol.messages import ClientMessage, error_message
from streaming.protocol.opening import Rules, opening_parameters
from streaming.protocol.parameters import Parameters
from streaming.protocol.states import NORMAL_CLOSE, UNSUPPORTED_DATA, Event, State, Transition
from streaming.protocol.stream import Stream
from streaming.protocol.streams import Streams

INIT_WAIT_SECONDS = 1.5
IDENTIFY_SECONDS = 5.0
# What comes with an event that brings nothing.
NOTHING = ClientMessage()


class Connection(ABC):
    """`query`: the request's parameters as text. `refusal`: an error that is known before the first message (an unknown
    voice, a bad key). `silence_refusal`: what a client is told that still has to say who it is, and says nothing; None if
    its session may open in silence."""

    def __init__(
        self,
        query: Mapping[str, str],
        rules: Rules,
        *,
        now: float,
        refusal: ProtocolError | Fault | None = None,
        silence_refusal: Fault | None = None,
    ) -> None:
        self._query = query
        self._rules = rules
        self._refusal = refusal
        self._state = State.REFUSED if refusal else State.OPENING
        self._dialect = self._dialect_of(query)
        self._parameters = Parameters()
        self._streams = Streams(rules)
        self._active_at = now
        # What the client is told when it has to leave.
        self._farewell: Fault | None = None
        # What ends the connection anyway, as a bad key does, need not wait.
        self._silence_refusal = None if isinstance(refusal, Fault) else silence_refusal
        self._opening_ends = now + (IDENTIFY_SECONDS if self._silence_refusal else INIT_WAIT_SECONDS)

    @property
    def state(self) -> State:
        return self._state

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    @property
    def is_closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def _is_opening(self) -> bool:
        return self._state in (State.OPENING, State.REFUSED)

    @property
    def _is_listening(self) -> bool:
        return self._is_opening or self._state is State.OPEN

    # What each endpoint says for itself

    def _dialect_of(self, query: Mapping[str, str]) -> Dialect:
        """The dialect as far as the query tells."""
        return Dialect.ELEVENLABS

    @abstractmethod
    def _begin(self) -> None:
        """The hard parameters are fixed."""

    @abstractmethod
    def _take_content(self, message: ClientMessage) -> list[Action]:
        """Act on a message whose hard parameters have been dealt with."""

    @abstractmethod
    def _take_last(self, message: ClientMessage) -> list[Action]:
        """The same with the last message: the connection ends when all is delivered."""

    @abstractmethod
    def _end_idle(self) -> list[Action]:
        """How a connection ends that has been idle for too long."""

    @property
    @abstractmethod
    def _is_drained(self) -> bool:
        """Whether nothing is left to be delivered."""

    @property
    @abstractmethod
    def _has_turn(self) -> bool:
        """Whether a turn has begun, by the client's words, that has not been delivered to its end."""

    # The way through the transition table

    def _step(self, event: Event, given: ClientMessage | Fault = NOTHING) -> list[Action]:
        """`given`: what comes with the event (see `Event`)."""
        transition = TRANSITIONS.get((self._state, event))
        if transition is None:
            return []
        handler, next_state = transition
        try:
            actions = handler(self, given)
        except ProtocolError as error:
            return self._step(Event.MISTAKE, self._fault(error))
        self._state = next_state
        return self._settled(actions)

    def _settled(self, actions: list[Action]) -> list[Action]:
        """`actions`, and the close where these were the last thing to be delivered, or to be waited for."""
        if self._state is State.ENDING and self._is_drained:
            return actions + self._step(Event.DELIVERED)
        if self._farewell and self._state is State.OPEN and not self._has_turn:
            return actions + self._step(Event.FAILURE, self._farewell)
        return actions

    # What the table says to do

    def _open(self, message: ClientMessage) -> list[Action]:
        """Fix the hard parameters."""
        self._parameters = opening_parameters(self._query, message, self._dialect, self._rules)
        self._begin()
        return [Open(self._parameters)]

    def _open_with_content(self, message: ClientMessage) -> list[Action]:
        return self._open(message) + self._continue(message)

    def _open_with_last(self, message: ClientMessage) -> list[Action]:
        return self._open(message) + self._end(message)

    def _continue(self, message: ClientMessage) -> list[Action]:
        self._check_unchanged(message)
        return self._take_content(message)

    def _end(self, message: ClientMessage) -> list[Action]:
        self._check_unchanged(message)
        return self._take_last(message)

    def _refuse_late_init(self, message: ClientMessage) -> list[Action]:
        text = "ttsInitRequest must be the first message, within 1.5 seconds."
        return self._close_with_error(self._fault(ProtocolError(INVALID_MESSAGE, text)))

    def _tell_refusal(self, message: ClientMessage) -> list[Action]:
        refusal = self._refusal
        if refusal is None:
            raise RuntimeError("A session was refused without a reason.")
        return self._close_with_error(refusal if isinstance(refusal, Fault) else self._fault(refusal))

    def _close_with_error(self, fault: Fault) -> list[Action]:
        return [Send(self._error_message(fault)), Close(fault.close_code, fault.message, name_of(fault.code))]

    def _close_idle(self, message: ClientMessage) -> list[Action]:
        return self._end_idle()

    def _close_normally(self, message: ClientMessage) -> list[Action]:
        return [Close(NORMAL_CLOSE)]

    def _say_nothing(self, message: ClientMessage) -> list[Action]:
        return []

    # Checks

    def _check_unchanged(self, message: ClientMessage) -> None:
        for name, value in message.hard.items():
            if getattr(self._parameters, name) != value:
                text = f"{name} is fixed for this connection and cannot become {value!r}."
                raise ProtocolError(INVALID_PARAMETER, text, ends_connection=True)

    def _begin_stream(self, name: str | None) -> Stream:
        return self._streams.begin(name, self._parameters, self._dialect, now=self._active_at)

    def _speak(self, stream: Stream, message: ClientMessage) -> list[Action]:
        actions: list[Action] = [Speak(item, stream.number) for item in stream.receive(message, now=self._active_at)]
        if self._rules.reads_ahead and (expected := stream.expected()):
            actions.append(Expect(expected, stream.number))
        return actions

    # Faults

    def _error_message(self, fault: Fault, context: str | None = None) -> str:
        return error_message(fault, request_id=self._rules.request_id, context=context)

    def _fault(self, error: ProtocolError) -> Fault:
        is_native_format_error = error.is_format and self._dialect is Dialect.NATIVE
        return Fault(error.code, error.message, UNSUPPORTED_DATA if is_native_format_error else POLICY_VIOLATION)

    def _idle_error(self, seconds: float) -> list[Action]:
        text = f"No text was received for {seconds:g} seconds."
        return self._close_with_error(Fault(INPUT_TIMEOUT, text, POLICY_VIOLATION))


# Handlers that an endpoint overrides must not stand here: the table would call those of this class.
_REFUSAL = (Connection._tell_refusal, State.CLOSED)
_ERROR = (Connection._close_with_error, State.CLOSED)
_SILENT_END = (Connection._say_nothing, State.CLOSED)
TRANSITIONS: dict[tuple[State, Event], Transition] = {
    (State.OPENING, Event.INIT): (Connection._open_with_content, State.OPEN),
    (State.OPENING, Event.CONTENT): (Connection._open_with_content, State.OPEN),
    (State.OPENING, Event.LAST): (Connection._open_with_last, State.ENDING),
    (State.OPENING, Event.HARD_ONLY): (Connection._open, State.OPEN),
    (State.OPENING, Event.SILENCE): (Connection._open, State.OPEN),
    (State.OPENING, Event.IDLE): _ERROR,
    (State.OPENING, Event.MISTAKE): _ERROR,
    (State.OPENING, Event.FAILURE): _ERROR,
    (State.OPENING, Event.GONE): _SILENT_END,
    (State.REFUSED, Event.INIT): _REFUSAL,
    (State.REFUSED, Event.CONTENT): _REFUSAL,
    (State.REFUSED, Event.LAST): _REFUSAL,
    (State.REFUSED, Event.HARD_ONLY): _REFUSAL,
    (State.REFUSED, Event.SILENCE): _REFUSAL,
    (State.REFUSED, Event.IDLE): _ERROR,
    (State.REFUSED, Event.MISTAKE): _ERROR,
    (State.REFUSED, Event.FAILURE): _ERROR,
    (State.REFUSED, Event.GONE): _SILENT_END,
    (State.OPEN, Event.INIT): (Connection._refuse_late_init, State.CLOSED),
    (State.OPEN, Event.CONTENT): (Connection._continue, State.OPEN),
    (State.OPEN, Event.LAST): (Connection._end, State.ENDING),
    (State.OPEN, Event.IDLE): (Connection._close_idle, State.CLOSED),
    (State.OPEN, Event.MISTAKE): _ERROR,
    (State.OPEN, Event.FAILURE): _ERROR,
    (State.OPEN, Event.GONE): _SILENT_END,
    (State.ENDING, Event.DELIVERED): (Connection._close_normally, State.CLOSED),
    (State.ENDING, Event.FAILURE): _ERROR,
    (State.ENDING, Event.GONE): _SILENT_END,
}
