"""What the shell tells a connection, and is told to do: reports in, actions out. The laws are those of `connection`."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from streaming.errors import INVALID_MESSAGE, Fault, ProtocolError
from streaming.protocol.actions import Action, Send
from streaming.protocol.connection import Connection
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.messages import audio_message, read_object
from streaming.protocol.packet import Packet
from streaming.protocol.states import Event, State
from streaming.protocol.stream import Stream


class Session(Connection):
    """Each report returns actions, in order. No other exception than a programming error leaves a report."""

    @property
    def deadline(self) -> float | None:
        """When to call `timeout`; None while there is nothing to wait for."""
        if self._is_opening:
            return self._opening_ends
        return self._idle_at() if self._state is State.OPEN else None

    def receive(self, raw: str, *, now: float) -> list[Action]:
        """A text frame arrived."""
        # The shell's timer may be late: a deadline that has passed comes before the message.
        overdue = self.timeout(now=now) if self._is_opening else []
        self._active_at = now
        if not self._is_listening:
            return overdue
        try:
            return overdue + self._hear(read_object(raw))
        except ProtocolError as error:
            return overdue + self.refuse(error)

    def receive_binary(self) -> list[Action]:
        """A binary frame arrived. This protocol has none."""
        return self.refuse(
            ProtocolError(INVALID_MESSAGE, "Binary frames are not part of this protocol.", is_format=True)
        )

    def refuse(self, error: ProtocolError) -> list[Action]:
        """The client did what the protocol forbids. The shell reports a message over the size limit itself."""
        return self._step(Event.MISTAKE, self._fault(error))

    def timeout(self, *, now: float) -> list[Action]:
        """The deadline may have passed."""
        return [] if self.deadline is None or now < self.deadline else self._pass_deadline()

    def spoken(self, item: Utterance | TurnEnd, stream_number: int, *, now: float) -> list[Action]:
        """Everything of `item` has been delivered. A stream's items are reported in the order in which they were handed
        out."""
        if (found := self._streams.get(stream_number)) is None:
            return []
        self._active_at = now
        found.spoken(item, now=now)
        return self._settled(self._end_turn(found)) if isinstance(item, TurnEnd) and not self.is_closed else []

    def audio(self, packet: Packet, stream_number: int, *, now: float) -> list[Send]:
        """A packet is due. No deadline comes earlier by this."""
        found = self._streams.get(stream_number)
        if found is None or self.is_closed:
            return []
        self._active_at = now
        is_timed = packet.alignment or packet.normalized_alignment
        message = audio_message(self._with_times(packet, found) if is_timed else packet, found.name)
        found.send(packet, now=now)
        return [Send(message)]

    def forwarded(self, *, now: float, is_final: bool, is_last: bool = True) -> list[Action]:
        """Forward mode: something was published to the session's channel and delivered. `is_last`: nothing else that was
        published waits."""
        self._active_at = now
        actions: list[Action] = []
        for stream in self._streams:
            stream.forwarded(ends_batch=is_final and is_last, now=now)
            if is_final and not self.is_closed:
                actions += self._end_turn(stream)
        return self._settled(actions)

    def leave(self, farewell: Fault) -> list[Action]:
        """The server is about to end: the connection ends with this, as soon as no turn runs on it."""
        self._farewell = farewell
        return self._settled([])

    def fail(self, fault: Fault) -> list[Action]:
        """Something on our side ends the session."""
        return self._step(Event.FAILURE, fault)

    def fail_stream(self, fault: Fault, stream_number: int) -> list[Action]:
        """Something on our side ends one stream, and the session if it has no other."""
        return self.fail(fault)

    def disconnected(self) -> None:
        """The client has hung up: nothing more may be sent."""
        self._step(Event.GONE)

    def _pass_deadline(self) -> list[Action]:
        if self._is_opening and self._silence_refusal:
            return self._step(Event.IDLE, self._silence_refusal)
        return self._step(Event.SILENCE if self._is_opening else Event.IDLE)

    # What each endpoint says for itself

    @abstractmethod
    def _hear(self, data: Mapping[str, Any]) -> list[Action]:
        """A message that is a JSON object. Raises ProtocolError for what ends the connection."""

    @abstractmethod
    def _idle_at(self) -> float | None:
        """When the connection, or a context, will have been idle for too long."""

    @abstractmethod
    def _end_turn(self, stream: Stream) -> list[Action]:
        """All of a turn has been delivered."""

    @abstractmethod
    def _with_times(self, packet: Packet, stream: Stream) -> Packet:
        """The packet with the alignment that the client is told."""
