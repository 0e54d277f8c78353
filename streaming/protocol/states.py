"""The states of a connection and of a context, and the events that move them. The connection's transition table is in
`connection`, the contexts' in `multi_stream_input`."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from streaming.protocol.actions import Action

NORMAL_CLOSE = 1000
UNSUPPORTED_DATA = 1003


class State(Enum):
    """The states of a connection."""

    OPENING = auto()  # hard parameters not fixed yet
    REFUSED = auto()  # the same, but an error is known already: it is told when the client has spoken
    OPEN = auto()
    ENDING = auto()  # the client has said its last word: only delivery is left
    CLOSED = auto()


class Event(Enum):
    """What happens to a connection, and what the handler is given."""

    INIT = auto()  # a ttsInitRequest: the message
    CONTENT = auto()  # another message: the message
    LAST = auto()  # a message that ends the connection when all is delivered: the message
    HARD_ONLY = auto()  # a message of which only the hard parameters can be read: a message with these
    SILENCE = auto()  # the wait for a first message is over, and the session opens without one
    IDLE = auto()  # nothing was received for too long
    MISTAKE = auto()  # the client did what the protocol forbids: the fault
    FAILURE = auto()  # our side failed: the fault
    DELIVERED = auto()  # nothing is left to be delivered
    GONE = auto()  # the client has hung up


class Standing(Enum):
    """The states of a context, by its name."""

    UNKNOWN = auto()
    OPEN = auto()
    DRAINING = auto()  # closed: it takes nothing more, and what it has is still spoken
    FAILED = auto()


class ContextEvent(Enum):
    """What happens to a context, and what the handler is given."""

    TEXT = auto()  # a text that is not blank: the message
    BLANK = auto()  # a blank text, or settings, with which clients open a context: the message
    SIGN = auto()  # a flush, or a keep-alive: the message
    END = auto()  # the client closes the context: the message
    UNREADABLE = auto()  # a message for it that cannot be read: the fault
    MISTAKE = auto()  # a message for it that asks for too much: the fault
    FAILURE = auto()  # our side failed: the fault
    DRAIN = auto()  # it was idle for too long, or the client closes the socket
    DELIVERED = auto()  # nothing is left to be delivered


# Methods of a session; the last argument is what comes with the event. A handler that raises ProtocolError causes MISTAKE.
Handler = Callable[[Any, Any], list[Action]]
ContextHandler = Callable[[Any, str, Any], list[Action]]
Transition = tuple[Handler, State]
ContextTransition = tuple[ContextHandler, Standing]


class Standings:
    """What the names of contexts stand for. A name that has failed is forgotten after `patience` seconds, or when more than
    `most_failed` others have failed since."""

    def __init__(self, *, most_failed: int) -> None:
        self._most_failed = most_failed
        self._standings: dict[str, Standing] = {}
        # name -> when it failed, oldest first
        self._failed_at: dict[str, float] = {}

    def of(self, name: str, *, now: float, patience: float) -> Standing:
        failed_at = self._failed_at.get(name)
        if failed_at is not None and now >= failed_at + patience:
            return Standing.UNKNOWN
        return self._standings.get(name, Standing.UNKNOWN)

    def enter(self, name: str, standing: Standing, *, now: float) -> None:
        self._forget(name)
        if standing is not Standing.UNKNOWN:
            self._standings[name] = standing
        if standing is Standing.FAILED:
            self._failed_at[name] = now
        if len(self._failed_at) > self._most_failed:
            self._forget(next(iter(self._failed_at)))

    def _forget(self, name: str) -> None:
        self._standings.pop(name, None)
        self._failed_at.pop(name, None)
