"""`stream-input`: the connection is one stream without a name. Its laws, in addition to those of every
session:

1.  The dialect is native if the first message is a ttsInitRequest, or if the query says so (`dialect`); otherwise it is
    elevenlabs.
2.  The empty text ends the turn. The elevenlabs dialect closes with 1000 after the final message; the native one stays
    open for the next turn.
3.  The final message stands alone.
4.  Every error ends the connection; so does idleness: in the native dialect with 1000 and without a word.
5.  In the native dialect a turn begins with its first words, in forward mode with its first sound. In the elevenlabs dialect
    the connection is one turn, which begins with the first message.
"""

from collections.abc import Mapping
from typing import Any

from streaming.protocol.actions import Action, Close, Send
from streaming.protocol.dialect import Dialect, dialect_of
from streaming.protocol.messages import ClientMessage, final_message, is_init, message_of
from streaming.protocol.packet import Packet
from streaming.protocol.session import Session
from streaming.protocol.states import NORMAL_CLOSE, Event
from streaming.protocol.stream import Stream


class StreamInput(Session):
    """One `stream-input` connection."""

    def _dialect_of(self, query: Mapping[str, str]) -> Dialect:
        return dialect_of(query.keys())

    def _hear(self, data: Mapping[str, Any]) -> list[Action]:
        if self._is_opening and is_init(data):
            self._dialect = Dialect.NATIVE
        message = message_of(data, self._dialect)
        return self._step(self._event(message), message)

    def _event(self, message: ClientMessage) -> Event:
        if message.is_init:
            return Event.INIT
        is_last = message.is_end and self._dialect is Dialect.ELEVENLABS
        return Event.LAST if is_last else Event.CONTENT

    def _begin(self) -> None:
        self._begin_stream(None)

    @property
    def _stream(self) -> Stream:
        """There is one as soon as the connection is open."""
        return next(iter(self._streams))

    def _take_content(self, message: ClientMessage) -> list[Action]:
        if self._parameters.mode == "forward":
            self._stream.configure(message.soft)
            self._stream.touch(now=self._active_at)
            return []
        self._streams.check_room(message)
        return self._speak(self._stream, message)

    def _take_last(self, message: ClientMessage) -> list[Action]:
        return self._take_content(message)

    def _idle_at(self) -> float | None:
        return self._stream.deadline

    def _end_idle(self) -> list[Action]:
        if self._dialect is Dialect.NATIVE:
            return [Close(NORMAL_CLOSE)]
        # A client that may not open a session in silence can be idle before there is a stream.
        latest = next((stream.parameters for stream in self._streams), self._parameters)
        return self._idle_error(latest.inactivity_timeout)

    def _end_turn(self, stream: Stream) -> list[Action]:
        return [Send(final_message(self._dialect))]

    @property
    def _is_drained(self) -> bool:
        return not self._stream.is_speaking

    @property
    def _has_turn(self) -> bool:
        if self._parameters.mode == "forward":
            return self._stream.has_sent
        return self._stream.has_heard if self._dialect is Dialect.ELEVENLABS else self._stream.has_turn

    def _with_times(self, packet: Packet, stream: Stream) -> Packet:
        is_wanted = self._dialect is Dialect.ELEVENLABS or stream.is_synchronised
        return stream.since_last_character(packet) if is_wanted else packet.without_alignment()
