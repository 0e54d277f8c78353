"""The streams of one connection, and how much text may wait in them."""

from collections.abc import Iterator

from streaming.errors import TOO_MUCH_TEXT, ProtocolError
from streaming.protocol.context import Context
from streaming.protocol.dialect import Dialect
from streaming.protocol.messages import ClientMessage
from streaming.protocol.opening import Rules
from streaming.protocol.parameters import Parameters
from streaming.protocol.stream import Stream


class Streams:
    """Numbered as they begin; no number is used twice."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._streams: dict[int, Stream] = {}
        self._begun = 0

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams.values())

    def get(self, number: int) -> Stream | None:
        return self._streams.get(number)

    def begin(self, name: str | None, parameters: Parameters, dialect: Dialect, *, now: float) -> Stream:
        is_native = dialect is Dialect.NATIVE
        context = Context(parameters, by_turn=is_native, default_schedule=not is_native, always_timed=not is_native)
        stream = self._streams[self._begun] = Stream(self._begun, name, context, now=now)
        self._begun += 1
        return stream

    def remove(self, stream: Stream) -> None:
        del self._streams[stream.number]

    def check_room(self, message: ClientMessage) -> None:
        """Raises ProtocolError if the message has more text than it may have, or than may wait on the connection."""
        length, rules = len(message.text or " "), self._rules
        if length > rules.max_message_chars:
            raise ProtocolError(
                TOO_MUCH_TEXT, f"The text of one message may have at most {rules.max_message_chars} characters."
            )
        if length + sum(stream.waiting_chars for stream in self) > rules.max_pending_chars:
            text = (
                f"More than {rules.max_pending_chars} characters would be waiting to be spoken; send more text later."
            )
            raise ProtocolError(TOO_MUCH_TEXT, text)
