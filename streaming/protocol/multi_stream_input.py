"""`multi-stream-input`: several streams on one connection, each a *context* with a name. Always the elevenlabs dialect. Its
laws, beside those of every session:

1.  A text that is not empty, or settings, open a context of a name that is not in use; so many at once and no more. What
    else comes for such a name is too late, and ignored.
2.  Closing a context is draining it: what it has been given is spoken, flushed or not, and the final message follows. A
    second close does not wait: what is left is dropped, and the final message follows at once. A context that has been
    idle is closed as if the client had.
3.  Every message about a context carries its name. Each context has one final message, the last that carries the name
    until it is used again.
4.  An error that is of one context ends that one, with the error and then the final message, and leaves the connection
    open. What is on its way to it meanwhile is ignored, until the client closes it, opens it with a blank, or has left it
    alone for as long as contexts may be idle.
5.  Closing the socket closes every context; behind the last final message comes the close, 1000. A connection without
    contexts may be idle as long as one with them, and ends with an error.
6.  Times are relative to the message's first character; with `sync_alignment`, to the first sound of the context.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

from streaming.errors import POLICY_VIOLATION, TOO_MANY_CONTEXTS, Fault, ProtocolError
from streaming.protocol.actions import Action, Send, Stop
from streaming.protocol.messages import (
    ClientMessage,
    context_message_of,
    context_of,
    error_message,
    final_message,
    hard_message_of,
)
from streaming.protocol.opening import Rules
from streaming.protocol.packet import Packet
from streaming.protocol.session import Session
from streaming.protocol.states import NORMAL_CLOSE, Event, State
from streaming.protocol.stream import Phase, Stream

# Names of failed contexts that are remembered at once; beyond that the oldest may be opened again by any text.
MAX_FAILED = 64


class Standing(Enum):
    """What a name stands for."""

    UNKNOWN = auto()
    OPEN = auto()
    DRAINING = auto()
    FAILED = auto()


class Said(Enum):
    """What a message says to its context."""

    TEXT = auto()
    BLANK = auto()  # a blank text, or settings: how clients open a context
    SIGN = auto()  # a flush, or a sign of life
    END = auto()


def _said(message: ClientMessage) -> Said:
    if message.is_end:
        return Said.END
    if message.text and message.text.strip():
        return Said.TEXT
    return Said.BLANK if message.text or message.settings else Said.SIGN


class MultiStreamInput(Session):
    """One `multi-stream-input` connection."""

    def __init__(
        self,
        query: Mapping[str, str],
        rules: Rules,
        *,
        now: float,
        refusal: ProtocolError | Fault | None = None,
        may_open_in_silence: bool = True,
    ) -> None:
        super().__init__(query, rules, now=now, refusal=refusal, may_open_in_silence=may_open_in_silence)
        self._contexts: dict[str, Stream] = {}
        # name -> when it failed, oldest first
        self._failed: dict[str, float] = {}

    def _hear(self, data: Mapping[str, Any]) -> list[Action]:
        name = context_of(data)
        try:
            message = context_message_of(data)
        except ProtocolError as error:
            if error.ends_connection:
                raise
            opening = self._open(hard_message_of(data)) if self._state is State.OPENING else []
            is_heard = self._standing(name) in (Standing.UNKNOWN, Standing.OPEN)
            return [*opening, *(self._refuse_context(name, error) if is_heard else [])]
        return self._step(Event.LAST if message.closes_socket else Event.CONTENT, message)

    def _take_content(self, message: ClientMessage) -> list[Action]:
        handler = _CONTEXTS.get((self._standing(message.context), _said(message)))
        try:
            return handler(self, message) if handler else []
        except ProtocolError as error:
            return self._refuse_context(message.context, error)

    def _take_last(self, message: ClientMessage) -> list[Action]:
        actions = self._take_content(message)
        self._state = State.ENDING
        for stream in self._contexts.values():
            actions += self._close_stream(stream)
        return actions + self._close_if_done()

    def _idle_at(self) -> float | None:
        if not self._contexts:
            return self._active_at + self._parameters.inactivity_timeout
        return min((stream.deadline for stream in self._contexts.values() if stream.deadline is not None), default=None)

    def _end_idle(self, message: ClientMessage) -> list[Action]:
        if not self._contexts:
            return self._refuse_idle(self._parameters.inactivity_timeout)
        due = self._idle_at()
        idle = [stream for stream in self._contexts.values() if stream.deadline == due]
        return [action for stream in idle for action in self._close_stream(stream)]

    def _end_turn(self, stream: Stream) -> list[Action]:
        return self._finish(stream)

    def _with_times(self, packet: Packet, stream: Stream) -> Packet:
        return stream.since_beginning(packet) if stream.is_synchronised else packet.since_first_character()

    def fail_stream(self, fault: Fault, stream_number: int) -> list[Action]:
        found = self._streams.get(stream_number)
        if found is None or found.name is None or self.is_closed:
            return []
        return self._fail(found.name, fault)

    # What is done with messages to contexts; the table is at the end of the file.

    def _standing(self, name: str) -> Standing:
        if stream := self._contexts.get(name):
            return Standing.OPEN if stream.phase is Phase.OPEN else Standing.DRAINING
        failed_at = self._failed.get(name)
        if failed_at is None or self._active_at >= failed_at + self._parameters.inactivity_timeout:
            return Standing.UNKNOWN
        return Standing.FAILED

    def _open_context(self, message: ClientMessage) -> list[Action]:
        most = self._rules.max_contexts
        if len(self._contexts) >= most:
            raise ProtocolError(TOO_MANY_CONTEXTS, f"A connection may have {most} contexts at once, and has them.")
        self._failed.pop(message.context, None)
        self._contexts[message.context] = self._begin_stream(message.context)
        return self._feed(message)

    def _feed(self, message: ClientMessage) -> list[Action]:
        self._check_room(message)
        return self._speak(self._contexts[message.context], message)

    def _end_context(self, message: ClientMessage) -> list[Action]:
        return self._close_stream(self._contexts[message.context])

    def _abort(self, message: ClientMessage) -> list[Action]:
        return self._finish(self._contexts[message.context])

    def _forget(self, message: ClientMessage) -> list[Action]:
        del self._failed[message.context]
        return []

    # Ends

    def _close_stream(self, stream: Stream) -> list[Action]:
        if stream.phase is Phase.DRAINING:
            return []
        stream.phase = Phase.DRAINING
        return self._speak(stream, ClientMessage(text=""))

    def _finish(self, stream: Stream) -> list[Action]:
        # Stopped first: nothing of it may come behind its final message.
        return [*self._remove(stream), Send(final_message(stream.name)), *self._close_if_done()]

    def _remove(self, stream: Stream) -> list[Action]:
        del self._streams[stream.number]
        self._contexts = {name: other for name, other in self._contexts.items() if other is not stream}
        return [Stop(stream.number)]

    def _refuse_context(self, name: str, error: ProtocolError) -> list[Action]:
        return self._fail(name, Fault(error.code, error.message, POLICY_VIOLATION))

    def _fail(self, name: str, fault: Fault) -> list[Action]:
        stream = self._contexts.get(name)
        self._failed.pop(name, None)
        self._failed[name] = self._active_at
        if len(self._failed) > MAX_FAILED:
            del self._failed[next(iter(self._failed))]
        return [
            *(self._remove(stream) if stream else []),
            Send(error_message(message=fault.message, error=fault.code, close_code=fault.close_code, context=name)),
            Send(final_message(name)),
            *self._close_if_done(),
        ]

    def _close_if_done(self) -> list[Action]:
        is_done = self._state is State.ENDING and not self._contexts
        return self._close(NORMAL_CLOSE) if is_done else []


_Handler = Callable[[MultiStreamInput, ClientMessage], list[Action]]
_CONTEXTS: dict[tuple[Standing, Said], _Handler] = {
    (Standing.UNKNOWN, Said.TEXT): MultiStreamInput._open_context,
    (Standing.UNKNOWN, Said.BLANK): MultiStreamInput._open_context,
    (Standing.OPEN, Said.TEXT): MultiStreamInput._feed,
    (Standing.OPEN, Said.BLANK): MultiStreamInput._feed,
    (Standing.OPEN, Said.SIGN): MultiStreamInput._feed,
    (Standing.OPEN, Said.END): MultiStreamInput._end_context,
    (Standing.DRAINING, Said.END): MultiStreamInput._abort,
    (Standing.FAILED, Said.BLANK): MultiStreamInput._open_context,
    (Standing.FAILED, Said.END): MultiStreamInput._forget,
}
