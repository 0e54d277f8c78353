"""What a session has heard, and how it ended."""

import json
from base64 import b64decode
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

# How a session may end besides complete or with an error of the server's.
REFUSED, CUT, ABORTED = "not connected", "cut", "response broken off"


@dataclass(slots=True)
class Stream:
    """One turn, context or response."""

    audio: bytearray = field(default_factory=bytearray)
    is_complete: bool = False


@dataclass(slots=True)
class Outcome:
    """`error`: the name of the error on the wire, or one of the words above. `code`: of the close, or the status.
    `has_left`: the client went before the end, on purpose. `expected`: the errors that the client has provoked."""

    streams: defaultdict[str, Stream] = field(default_factory=lambda: defaultdict(Stream))
    error: str | None = None
    code: int | None = None
    has_left: bool = False
    expected: frozenset[str] = frozenset()
    # What its streams had to sound like, where no reference says so.
    wanted: dict[str, bytes] = field(default_factory=dict)
    # Streams that ended with an error of their own, while the connection went on.
    stream_errors: dict[str, str] = field(default_factory=dict)

    def take(self, raw: str | bytes, stream: str | None = None) -> dict[str, Any]:
        """A message of a socket; without a name of a stream, that of its context."""
        message: dict[str, Any] = json.loads(raw)
        name = stream or str(message.get("contextId"))
        if "error" in message:
            if stream is None and "contextId" in message:
                self.stream_errors[name] = message["error"]
            else:
                self.error = message["error"]
        if message.get("audio"):
            self.streams[name].audio += b64decode(message["audio"])
        if message.get("isFinal") is True:
            self.streams[name].is_complete = True
        return message

    def forget_silence_of(self, *names: str) -> None:
        """Make the streams known that had to come, whether or not anything came."""
        for name in names:
            self.streams[name]
