"""One connection's protocol: messages in, actions out.

The laws, for every input in every state:

1.  Nothing but an error of ours is sent before the client's first message, or 1.5 s without one.
2.  The first message, or that silence, fixes the hard parameters. Changing one later is the client's error.
3.  The dialect is the seed's if the first message is a ttsInitRequest or the query has a parameter that only the seed
    knows; otherwise the vendor's.
4.  Audio goes out in the order of the text. A turn's final message comes behind all of its audio and stands alone; only
    the end of the turn causes it.
5.  The vendor's dialect closes with 1000 behind the final message; the seed's stays open for the next turn.
6.  Every error is one message with `message`, `error` and `code`, then a close with that code, which is never 1000.
7.  There is one close, and nothing behind it.
8.  Time spent speaking is not idleness.

The session reads no clock: every call brings `now` (seconds, monotonic), and `deadline` says when to call `timeout`.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from streaming.protocol.context import Context, TurnEnd, Utterance
from streaming.protocol.errors import (
    INPUT_TIMEOUT,
    INVALID_MESSAGE,
    INVALID_PARAMETER,
    TOO_MUCH_TEXT,
    Fault,
    ProtocolError,
)
from streaming.protocol.messages import (
    Alignment,
    ClientMessage,
    audio_message,
    error_message,
    final_message,
    is_init,
    parse_message,
)
from streaming.protocol.opening import Dialect, Rules, dialect_of, opening_parameters
from streaming.protocol.parameters import Parameters

INIT_WAIT_SECONDS = 1.5

NORMAL_CLOSE = 1000
UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008


class State(Enum):
    OPENING = auto()  # hard parameters not fixed yet
    OPEN = auto()
    ENDING = auto()  # vendor dialect behind the end marker: only delivery is left
    CLOSED = auto()


class Event(Enum):
    INIT = auto()  # a ttsInitRequest
    CONTENT = auto()  # any other message
    SILENCE = auto()  # the deadline passed


@dataclass(frozen=True, slots=True)
class Open:
    """The hard parameters are fixed. Without a `target_lead_ms` among them: deliver as fast as the client reads."""

    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Speak:
    """Queue this for the speaker, which reports back with `spoken`."""

    item: Utterance | TurnEnd


@dataclass(frozen=True, slots=True)
class Send:
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str = ""


Action = Open | Speak | Send | Close


class Session:
    """`query`: the request's parameters as text. `refusal`: an error known before the first message (an unknown voice)."""

    def __init__(
        self, query: Mapping[str, str], rules: Rules, *, now: float, refusal: ProtocolError | None = None
    ) -> None:
        self._query = query
        self._rules = rules
        self._refusal = refusal
        self._state = State.OPENING
        self._dialect = dialect_of(query)
        self._parameters = Parameters()
        self._context = self._new_context()
        self._active_at = now
        self._opening_ends = now + INIT_WAIT_SECONDS
        # Handed to the speaker and not spoken yet, in order; and how many characters that is.
        self._pending: deque[Utterance | TurnEnd] = deque()
        self._pending_chars = 0

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
        if self._state is State.OPEN and not self._pending:
            return self._active_at + self._parameters.inactivity_timeout
        return None

    # What the shell reports. Each returns actions, in order.

    def receive(self, raw: str, *, now: float) -> list[Action]:
        """A text frame arrived."""
        # The shell's timer may be late: what the deadline brings comes before the message.
        overdue = self.timeout(now=now) if self._state is State.OPENING else []
        self._active_at = now
        if not self._is_listening:
            return overdue
        try:
            message = parse_message(raw)
            return overdue + self._step(Event.INIT if message.is_init else Event.CONTENT, message)
        except ProtocolError as error:
            if self._state is State.OPENING and is_init(raw):
                self._dialect = Dialect.SEED
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

    def spoken(self, item: Utterance | TurnEnd, *, now: float) -> list[Action]:
        """Everything of `item` has been delivered. Items are reported in the order in which they were handed out."""
        if not self._pending or self._pending[0] is not item:
            raise ValueError(f"{item} was not the next to be spoken")
        self._active_at = now
        self._pending.popleft()
        self._pending_chars -= _weight(item)
        return self._end_turn() if isinstance(item, TurnEnd) else []

    def forwarded(self, *, now: float, is_final: bool) -> list[Action]:
        """Forward mode: something was published to the session's channel and delivered."""
        self._active_at = now
        return self._end_turn() if is_final else []

    def audio(self, audio_base64: str, alignment: Alignment | None, *, now: float) -> list[Action]:
        """A packet is due."""
        if self.is_closed:
            return []
        self._active_at = now
        spoken = self._pending[0] if self._pending else None
        wanted = self._dialect is Dialect.VENDOR or (isinstance(spoken, Utterance) and spoken.parameters.sync_alignment)
        return [Send(audio_message(audio_base64, alignment if wanted else None))]

    def fail(self, fault: Fault) -> list[Action]:
        """Something on our side ends the session."""
        if self.is_closed:
            return []
        return self._close_with_error(fault.message, fault.code, fault.close_code)

    def disconnected(self) -> None:
        """The peer is gone: nothing more may be sent."""
        self._state = State.CLOSED

    # The transition table. States and events that are not in it do nothing.

    def _step(self, event: Event, message: ClientMessage) -> list[Action]:
        handler = _TRANSITIONS.get((self._state, event))
        return handler(self, message) if handler else []

    def _open_with_init(self, message: ClientMessage) -> list[Action]:
        self._dialect = Dialect.SEED
        return self._open(message) + self._take_content(message)

    def _open_with_content(self, message: ClientMessage) -> list[Action]:
        return self._open(message) + self._take_content(message)

    def _open_in_silence(self, message: ClientMessage) -> list[Action]:
        return self._open(message)

    def _take_content(self, message: ClientMessage) -> list[Action]:
        self._check_unchanged(message)
        self._parameters = self._parameters.updated(message.soft)
        if self._parameters.mode == "forward":
            return []
        waiting, limit = self._pending_chars + self._context.buffered_chars, self._rules.max_pending_chars
        if waiting + len(message.text or " ") > limit:
            raise ProtocolError(TOO_MUCH_TEXT, f"More than {limit} characters are waiting to be spoken.")
        items = self._context.receive(message)
        self._pending += items
        self._pending_chars += sum(_weight(item) for item in items)
        if message.is_end and self._dialect is Dialect.VENDOR:
            self._state = State.ENDING
        return [Speak(item) for item in items]

    def _late_init(self, message: ClientMessage) -> list[Action]:
        raise ProtocolError(INVALID_MESSAGE, "ttsInitRequest must be the first message, within 1.5 seconds.")

    def _idle(self, message: ClientMessage) -> list[Action]:
        if self._dialect is Dialect.SEED:
            return self._close(NORMAL_CLOSE)
        text = f"No text was received for {self._parameters.inactivity_timeout:g} seconds."
        return self._close_with_error(text, INPUT_TIMEOUT, POLICY_VIOLATION)

    # Fixing the parameters

    def _open(self, message: ClientMessage) -> list[Action]:
        if self._refusal:
            raise self._refusal
        self._parameters = opening_parameters(self._query, message, self._dialect, self._rules)
        self._context = self._new_context()
        self._state = State.OPEN
        return [Open(self._parameters)]

    def _new_context(self) -> Context:
        is_seed = self._dialect is Dialect.SEED
        return Context(self._parameters, by_turn=is_seed, default_schedule=not is_seed)

    def _check_unchanged(self, message: ClientMessage) -> None:
        for name, value in message.hard.items():
            if getattr(self._parameters, name) != value:
                raise ProtocolError(
                    INVALID_PARAMETER, f"{name} is fixed for this connection and cannot become {value!r}."
                )

    # Ending

    def _end_turn(self) -> list[Action]:
        if self.is_closed:
            return []
        if self._state is State.ENDING and not self._pending:
            return [Send(final_message()), *self._close(NORMAL_CLOSE)]
        return [Send(final_message())]

    def _refuse(self, error: ProtocolError) -> list[Action]:
        is_seed_format_error = error.is_format and self._dialect is Dialect.SEED
        code = UNSUPPORTED_DATA if is_seed_format_error else POLICY_VIOLATION
        return self._close_with_error(error.message, error.code, code)

    def _close_with_error(self, message: str, error: str, code: int) -> list[Action]:
        return [Send(error_message(message=message, error=error, close_code=code)), *self._close(code, message)]

    def _close(self, code: int, reason: str = "") -> list[Action]:
        self._state = State.CLOSED
        return [Close(code, reason)]


def _weight(item: Utterance | TurnEnd) -> int:
    return len(item.text) if isinstance(item, Utterance) else 1


_Handler = Callable[[Session, ClientMessage], list[Action]]
_TRANSITIONS: dict[tuple[State, Event], _Handler] = {
    (State.OPENING, Event.INIT): Session._open_with_init,
    (State.OPENING, Event.CONTENT): Session._open_with_content,
    (State.OPENING, Event.SILENCE): Session._open_in_silence,
    (State.OPEN, Event.INIT): Session._late_init,
    (State.OPEN, Event.CONTENT): Session._take_content,
    (State.OPEN, Event.SILENCE): Session._idle,
}
