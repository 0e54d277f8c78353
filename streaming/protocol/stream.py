"""One stream of text on a connection, and the part of it that is not spoken yet."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from streaming.protocol.context import Context, TurnEnd, Utterance
from streaming.protocol.messages import ClientMessage
from streaming.protocol.packet import Packet, milliseconds
from streaming.protocol.parameters import Parameters


class Stream:
    """`number`: no other stream of the connection has had it; `name`: the client's, or None. `has_heard`: whether its client
    has said anything; `has_sent`: whether audio has gone out since the last batch of forward mode ended."""

    def __init__(self, number: int, name: str | None, context: Context, *, now: float) -> None:
        self.number = number
        self.name = name
        self._context = context
        self._active_at = now
        # Handed to the speaker and not spoken yet, in order; and how many characters that is.
        self._pending: deque[Utterance | TurnEnd] = deque()
        self._pending_chars = 0
        # When the last characters end that the client was told of: in its own text, and in the spoken one.
        self._told_ms = 0
        self._normalized_told_ms = 0
        self.has_heard = False
        self.has_sent = False

    @property
    def parameters(self) -> Parameters:
        """The latest, even if they wait for the next turn."""
        return self._context.latest

    @property
    def waiting_chars(self) -> int:
        return self._context.buffered_chars + self._pending_chars

    @property
    def is_speaking(self) -> bool:
        return bool(self._pending)

    @property
    def has_turn(self) -> bool:
        """Whether a turn has begun with words, and is not over."""
        return self.is_speaking or self._context.has_begun

    @property
    def deadline(self) -> float | None:
        """When the stream will have been idle for too long; None while it speaks."""
        return None if self._pending else self._active_at + self.parameters.inactivity_timeout

    def touch(self, *, now: float) -> None:
        self._active_at = now

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Take in settings without speaking."""
        self._context.apply(settings)

    def receive(self, message: ClientMessage, *, now: float) -> list[Utterance | TurnEnd]:
        """Take in one message; returns what it lets be spoken."""
        self.touch(now=now)
        self.has_heard = True
        items = self._context.receive(message)
        self._pending += items
        self._pending_chars += sum(map(_weight, items))
        return items

    def expected(self) -> Utterance | None:
        """What will probably be spoken next, if there is news of it."""
        return self._context.expected()

    def spoken(self, item: Utterance | TurnEnd, *, now: float) -> None:
        """Everything of `item` has been delivered. Raises ValueError if it was not the next."""
        if not self._pending or self._pending[0] is not item:
            raise ValueError(f"{item} was not the next to be spoken")
        self.touch(now=now)
        self._pending.popleft()
        self._pending_chars -= _weight(item)

    def forwarded(self, *, ends_batch: bool, now: float) -> None:
        """Forward mode: a publication has been delivered."""
        self.touch(now=now)
        self.has_sent = not ends_batch

    def send(self, packet: Packet, *, now: float) -> None:
        """The packet goes out."""
        self.touch(now=now)
        self.has_sent = True
        if packet.alignment:
            self._told_ms = milliseconds(packet.start) + packet.alignment.end_ms
        if packet.normalized_alignment:
            self._normalized_told_ms = milliseconds(packet.start) + packet.normalized_alignment.end_ms

    @property
    def is_synchronised(self) -> bool:
        """Whether what is being spoken was asked for with `sync_alignment`."""
        spoken = self._pending[0] if self._pending else None
        return isinstance(spoken, Utterance) and spoken.parameters.sync_alignment

    def since_last_character(self, packet: Packet) -> Packet:
        """The same packet with the times of each alignment counted from the end of its last character that was sent.

        Clients (Pipecat) keep a clock of their own, to which they add the end of each message's last character. The first
        character of a message begins at that time, but for a pause between them that belongs to no text.
        """
        start_ms = milliseconds(packet.start)
        return packet.shifted(start_ms - self._told_ms, start_ms - self._normalized_told_ms)


def _weight(item: Utterance | TurnEnd) -> int:
    return max(1, len(item.text)) if isinstance(item, Utterance) else 1
