"""What a session asks of the shell."""

from dataclasses import dataclass

from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Open:
    """The hard parameters are fixed. Without a `target_lead_ms` among them: deliver as fast as the client reads."""

    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Speak:
    """Queue this for the speaker of the stream, which reports with `spoken`. A new number is a new stream; a higher number
    is a newer stream."""

    item: Utterance | TurnEnd
    stream_number: int


@dataclass(frozen=True, slots=True)
class Expect:
    """The next item of the stream will probably be an utterance that begins like this one. Only where the rules say that
    the engine reads ahead."""

    utterance: Utterance
    stream_number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The stream is over: do not speak what is left of it. `error`: the code of the error, if it ends with one."""

    stream_number: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """`error`: the code of the error, if the session ends with one."""

    code: int
    reason: str = ""
    error: str = ""


Action = Open | Speak | Expect | Stop | Send | Close
