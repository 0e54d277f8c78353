"""What is known of a session from its beginning to its end. Log lines and metrics are made from it.

A session is one socket, or one request to the HTTP API. It has a turn for each piece of speech that the client asked for: a
request has one at most, a socket any number, in several contexts at once.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

# Results that are no errors. Every other result is the code of an error (`streaming.errors`, `streaming.access.refusals`).
OK = "ok"
CLIENT_LEFT = "client_left"  # while it was being answered
CANCELLED = "cancelled"  # the client closed the context before its speech was over


@dataclass(slots=True)
class Measures:
    """Of one turn, or of all turns of a session.

    `ttfa_seconds`: from the text that asks for speech to the first packet, of the first turn that has one; text that arrives
    while other text is spoken asks when its turn comes. `queue_seconds`: the longest wait for an engine. `engine_seconds`:
    how long engines worked, for `made_seconds` of audio. `audio_seconds`: what was sent.

    A player without a buffer would have been silent for `starved_seconds`, `gap_seconds` of them at a stretch; the time in
    which the client had sent no text does not count.
    """

    characters: int = 0
    audio_seconds: float = 0.0
    ttfa_seconds: float | None = None
    queue_seconds: float = 0.0
    engine_seconds: float = 0.0
    made_seconds: float = 0.0
    starved_seconds: float = 0.0
    gap_seconds: float = 0.0

    @property
    def rtf(self) -> float | None:
        """Seconds of the engine per second of audio."""
        return self.engine_seconds / self.made_seconds if self.made_seconds else None

    def add(self, later: "Measures") -> None:
        self.characters += later.characters
        self.audio_seconds += later.audio_seconds
        if self.ttfa_seconds is None:
            self.ttfa_seconds = later.ttfa_seconds
        self.queue_seconds = max(self.queue_seconds, later.queue_seconds)
        self.engine_seconds += later.engine_seconds
        self.made_seconds += later.made_seconds
        self.starved_seconds += later.starved_seconds
        self.gap_seconds = max(self.gap_seconds, later.gap_seconds)


@dataclass(slots=True, eq=False)
class SessionRecord:
    """`endpoint`: which of the API's, without the voice; never the client's own words. `dialect`: of a socket, `native` or
    `elevenlabs`. `result`: empty as long as the session goes on. `status`: the code of the response, or of the close.
    `client_seconds`: how long the server waited for the client to read. `seconds`: how long the session was open.

    `has_begun`: it is known who speaks, with which voice, and how. One that is refused before never begins.
    """

    request_id: str
    transport: Literal["websocket", "http"]
    endpoint: str = ""
    address: str = ""
    key_id: int | None = None
    key_name: str = ""
    voice_id: str = ""
    dialect: str = ""
    mode: str = ""
    output_format: str = ""
    result: str = ""
    status: int | None = None
    turns: int = 0
    # Those that go on.
    open_turns: int = 0
    measures: Measures = field(default_factory=Measures)
    client_seconds: float = 0.0
    seconds: float = 0.0
    has_begun: bool = False
    has_ended: bool = False
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class TurnRecord:
    """`number`: of the stream within its session. `result`: empty as long as the turn goes on."""

    session: SessionRecord
    number: int = 0
    result: str = ""
    measures: Measures = field(default_factory=Measures)
