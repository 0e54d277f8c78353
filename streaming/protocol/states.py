"""The states of a connection, the events that move it, and the codes that it is closed with."""

from enum import Enum, auto

NORMAL_CLOSE = 1000
UNSUPPORTED_DATA = 1003


class State(Enum):
    OPENING = auto()  # hard parameters not fixed yet
    OPEN = auto()
    ENDING = auto()  # the client has said its last word: only delivery is left
    CLOSED = auto()


class Event(Enum):
    INIT = auto()  # a ttsInitRequest
    CONTENT = auto()  # any other message
    LAST = auto()  # a message that closes the socket
    SILENCE = auto()  # the deadline passed
