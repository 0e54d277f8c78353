"""`multi-stream-input`: several streams on one connection, each a *context* with a name. Always the elevenlabs dialect. Its
laws, beside those of every session:

1.  A text that is not empty, or settings, open a context under a name that is not in use; the number of contexts at once is
    limited. Any other message for such a name is late, and is ignored.
2.  Closing a context drains it: what it has been given is spoken, flushed or not, and the final message follows. A second
    close does not wait: what is left is dropped, and the final message follows at once. A context that was idle for too
    long is closed as if the client had closed it.
3.  Every message about a context carries its name. Each context has one final message, the last that carries the name
    until it is used again.
4.  An error of one context ends that context, with the error and then the final message, and leaves the connection open.
    Messages for it that are already on their way are ignored, until the client closes it, opens it with a blank, or has
    sent nothing for it for as long as contexts may be idle.
5.  Closing the socket closes every context; after the last final message comes the close, 1000. A connection without
    contexts may be idle as long as one with contexts, and then ends with an error.
6.  Each context is a turn: a connection leaves when it has none.
7.  Times are relative to the end of the last character that was sent; with `sync_alignment`, to the first sound of the
    context.

A context moves only by the transition table at the end of the file; a pair that is not in it does nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from streaming.errors import TOO_MANY_CONTEXTS, Fault, ProtocolError
from streaming.protocol.actions import Action, Send, Stop
from streaming.protocol.connection import NOTHING
from streaming.protocol.messages import (
    ClientMessage,
    context_message_of,
    context_of,
    final_message,
    hard_message_of,
)
from streaming.protocol.opening import Rules
from streaming.protocol.packet import Packet
from streaming.protocol.session import Session
from streaming.protocol.states import ContextEvent, ContextTransition, Event, Standing, Standings
from streaming.protocol.stream import Stream

# How many names of failed contexts are remembered; of more, the oldest may be opened again by any text.
MAX_FAILED = 64


def _event(message: ClientMessage) -> ContextEvent:
    if message.is_end:
        return ContextEvent.END
    if message.text and message.text.strip():
        return ContextEvent.TEXT
    return ContextEvent.BLANK if message.text or message.settings else ContextEvent.SIGN


class MultiStreamInput(Session):
    """One `multi-stream-input` connection."""

    def __init__(
        self,
        query: Mapping[str, str],
        rules: Rules,
        *,
        now: float,
        refusal: ProtocolError | Fault | None = None,
        silence_refusal: Fault | None = None,
    ) -> None:
        super().__init__(query, rules, now=now, refusal=refusal, silence_refusal=silence_refusal)
        # The streams that are open or draining.
        self._contexts: dict[str, Stream] = {}
        self._standings = Standings(most_failed=MAX_FAILED)

    def _begin(self) -> None:
        """No context is open before its first message."""

    def _hear(self, data: Mapping[str, Any]) -> list[Action]:
        name = context_of(data)
        try:
            message = context_message_of(data)
        except ProtocolError as error:
            if error.ends_connection:
                raise
            opening = self._step(Event.HARD_ONLY, hard_message_of(data)) if self._is_opening else []
            return opening + self._step_context(ContextEvent.UNREADABLE, name, self._fault(error))
        return self._step(Event.LAST if message.closes_socket else Event.CONTENT, message)

    def _take_content(self, message: ClientMessage) -> list[Action]:
        return self._step_context(_event(message), message.context, message)

    def _take_last(self, message: ClientMessage) -> list[Action]:
        return self._take_content(message) + self._drain_all(list(self._contexts))

    def _idle_at(self) -> float | None:
        if not self._contexts:
            return self._active_at + self._parameters.inactivity_timeout
        return min((stream.deadline for stream in self._contexts.values() if stream.deadline is not None), default=None)

    def _pass_deadline(self) -> list[Action]:
        if not self._contexts:
            return super()._pass_deadline()
        due = self._idle_at()
        return self._drain_all([name for name, stream in self._contexts.items() if stream.deadline == due])

    def _end_idle(self) -> list[Action]:
        return self._idle_error(self._parameters.inactivity_timeout)

    def _end_turn(self, stream: Stream) -> list[Action]:
        return self._step_context(ContextEvent.DELIVERED, _name(stream))

    @property
    def _is_drained(self) -> bool:
        return not self._contexts

    @property
    def _has_turn(self) -> bool:
        return bool(self._contexts)

    def _with_times(self, packet: Packet, stream: Stream) -> Packet:
        return packet.since_beginning() if stream.is_synchronised else stream.since_last_character(packet)

    def fail_stream(self, fault: Fault, stream_number: int) -> list[Action]:
        if (found := self._streams.get(stream_number)) is None:
            return []
        return self._settled(self._step_context(ContextEvent.FAILURE, _name(found), fault))

    # The way through the contexts' table, which is at the end of the file

    def _standing(self, name: str) -> Standing:
        return self._standings.of(name, now=self._active_at, patience=self._parameters.inactivity_timeout)

    def _step_context(self, event: ContextEvent, name: str, given: ClientMessage | Fault = NOTHING) -> list[Action]:
        """`given`: what comes with the event (see `ContextEvent`)."""
        transition = None if self.is_closed else CONTEXT_TRANSITIONS.get((self._standing(name), event))
        if transition is None:
            return []
        handler, next_standing = transition
        try:
            actions = handler(self, name, given)
        except ProtocolError as error:
            return self._step_context(ContextEvent.MISTAKE, name, self._fault(error))
        self._standings.enter(name, next_standing, now=self._active_at)
        return actions

    def _drain_all(self, names: Iterable[str]) -> list[Action]:
        return [action for name in names for action in self._step_context(ContextEvent.DRAIN, name)]

    # What the table says to do

    def _open_context(self, name: str, message: ClientMessage) -> list[Action]:
        most = self._rules.max_contexts
        if len(self._contexts) >= most:
            raise ProtocolError(TOO_MANY_CONTEXTS, f"This connection has {most} open contexts, which is its limit.")
        self._contexts[name] = self._begin_stream(name)
        return self._feed(name, message)

    def _feed(self, name: str, message: ClientMessage) -> list[Action]:
        self._streams.check_room(message)
        return self._speak(self._contexts[name], message)

    def _drain(self, name: str, message: ClientMessage) -> list[Action]:
        return self._speak(self._contexts[name], ClientMessage(text=""))

    def _finish(self, name: str, message: ClientMessage) -> list[Action]:
        return [*self._remove(name), Send(final_message(self._dialect, name))]

    def _fail(self, name: str, fault: Fault) -> list[Action]:
        error = self._error_message(fault, name)
        return [*self._remove(name, fault.code), Send(error), Send(final_message(self._dialect, name))]

    def _forget(self, name: str, message: ClientMessage) -> list[Action]:
        return []

    def _remove(self, name: str, error: str = "") -> list[Action]:
        """Stop the context's stream, if it has one. Comes before its final message, because nothing may follow that."""
        if (stream := self._contexts.pop(name, None)) is None:
            return []
        self._streams.remove(stream)
        return [Stop(stream.number, error)]


def _name(stream: Stream) -> str:
    if stream.name is None:
        raise RuntimeError("A stream of multi-stream-input has no name.")
    return stream.name


CONTEXT_TRANSITIONS: dict[tuple[Standing, ContextEvent], ContextTransition] = {
    (Standing.UNKNOWN, ContextEvent.TEXT): (MultiStreamInput._open_context, Standing.OPEN),
    (Standing.UNKNOWN, ContextEvent.BLANK): (MultiStreamInput._open_context, Standing.OPEN),
    (Standing.UNKNOWN, ContextEvent.UNREADABLE): (MultiStreamInput._fail, Standing.FAILED),
    (Standing.UNKNOWN, ContextEvent.MISTAKE): (MultiStreamInput._fail, Standing.FAILED),
    #
    (Standing.OPEN, ContextEvent.TEXT): (MultiStreamInput._feed, Standing.OPEN),
    (Standing.OPEN, ContextEvent.BLANK): (MultiStreamInput._feed, Standing.OPEN),
    (Standing.OPEN, ContextEvent.SIGN): (MultiStreamInput._feed, Standing.OPEN),
    (Standing.OPEN, ContextEvent.END): (MultiStreamInput._drain, Standing.DRAINING),
    (Standing.OPEN, ContextEvent.DRAIN): (MultiStreamInput._drain, Standing.DRAINING),
    (Standing.OPEN, ContextEvent.UNREADABLE): (MultiStreamInput._fail, Standing.FAILED),
    (Standing.OPEN, ContextEvent.MISTAKE): (MultiStreamInput._fail, Standing.FAILED),
    (Standing.OPEN, ContextEvent.FAILURE): (MultiStreamInput._fail, Standing.FAILED),
    #
    (Standing.DRAINING, ContextEvent.END): (MultiStreamInput._finish, Standing.UNKNOWN),
    (Standing.DRAINING, ContextEvent.DELIVERED): (MultiStreamInput._finish, Standing.UNKNOWN),
    (Standing.DRAINING, ContextEvent.FAILURE): (MultiStreamInput._fail, Standing.FAILED),
    #
    (Standing.FAILED, ContextEvent.BLANK): (MultiStreamInput._open_context, Standing.OPEN),
    (Standing.FAILED, ContextEvent.END): (MultiStreamInput._forget, Standing.UNKNOWN),
    (Standing.FAILED, ContextEvent.MISTAKE): (MultiStreamInput._fail, Standing.FAILED),
}
