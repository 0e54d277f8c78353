"""What sessions come to, by their kind: made from their records, as they end.

No label is the client's word: a kind is one of few, and what errors are called is ours to say.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from streaming import errors
from streaming.measures.distribution import Distribution
from streaming.records.records import Listener
from streaming.records.session_record import CANCELLED, CLIENT_LEFT, OK, Measures, SessionRecord, TurnRecord

# In seconds.
FIRST_AUDIO_BOUNDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
WAIT_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Of the engine for each second of audio: above 1, a listener waits.
FACTOR_BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0, 4.0)
# A player with a buffer of this many seconds runs dry in a longer gap.
BUFFER_SECONDS = 0.1

# The results of sessions and turns. What the client or its key may not do, or has done wrong, is refused; the rest is ours.
REFUSED, FAILED = "refused", "failed"
RESULTS = (OK, CLIENT_LEFT, CANCELLED, REFUSED, FAILED)
OURS = frozenset(
    fault.code
    for fault in (
        *(errors.ENGINE_FAILED, errors.INTERNAL_ERROR, errors.SOURCE_LOST, errors.SHUTTING_DOWN, errors.NOT_ADMITTING),
        *(errors.ENGINE_UNAVAILABLE, errors.DATABASE_UNAVAILABLE, errors.STORAGE_FULL, errors.OVERLOADED),
    )
) | {"storage_unavailable"}
# Codes come from tables of ours, which have fewer. If that should ever change, the rest is counted together.
MOST_REASONS = 100
OTHER = "other"

DIALECTS = frozenset({"native", "elevenlabs", "openai"})
MODES = frozenset({"generate", "forward"})


TRANSPORTS = ("websocket", "http")


class Kind(NamedTuple):
    """Of a session: the labels of its metrics."""

    transport: str
    dialect: str
    mode: str

    @classmethod
    def of(cls, session: SessionRecord) -> "Kind":
        dialect = session.dialect if session.dialect in DIALECTS else OTHER
        return cls(session.transport, dialect, session.mode if session.mode in MODES else OTHER)


# All that there are. They are there from the beginning, so that the first session of a kind is a change.
KINDS = (
    Kind("websocket", "native", "generate"),
    Kind("websocket", "native", "forward"),
    Kind("websocket", "elevenlabs", "generate"),
    Kind("http", "elevenlabs", "generate"),
    Kind("http", "openai", "generate"),
)


@dataclass(slots=True)
class KindFigures:
    """Of all sessions of one kind. `starved_turns`: those in which a player with a buffer of BUFFER_SECONDS ran dry;
    `starved_seconds`: for how long players without one were silent."""

    first_audio: Distribution = field(default_factory=lambda: Distribution(FIRST_AUDIO_BOUNDS))
    queue_wait: Distribution = field(default_factory=lambda: Distribution(WAIT_BOUNDS))
    real_time_factor: Distribution = field(default_factory=lambda: Distribution(FACTOR_BOUNDS))
    characters: int = 0
    audio_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    engine_seconds: float = 0.0
    made_seconds: float = 0.0
    starved_turns: int = 0
    starved_seconds: float = 0.0
    client_seconds: float = 0.0
    sessions: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)

    def add(self, measures: Measures) -> None:
        """Of a turn."""
        if measures.ttfa_seconds is not None:
            self.first_audio.add(max(0.0, measures.ttfa_seconds))
        if measures.rtf is not None:
            self.queue_wait.add(measures.queue_seconds)
            self.real_time_factor.add(measures.rtf)
        self.characters += measures.characters
        self.engine_seconds += measures.engine_seconds
        self.made_seconds += measures.made_seconds
        self.starved_seconds += measures.starved_seconds
        self.starved_turns += measures.gap_seconds > BUFFER_SECONDS


class SessionFigures(Listener):
    """`open`: sessions that have begun and not ended, with the error that ended a turn last. `told`: errors that clients
    were told, by transport and code."""

    def __init__(self) -> None:
        self.kinds = {kind: KindFigures() for kind in KINDS}
        self.open: dict[SessionRecord, str] = {}
        self.told: Counter[tuple[str, str]] = Counter(
            {(transport, code): 0 for transport in TRANSPORTS for code in sorted(OURS)}
        )

    def session_began(self, session: SessionRecord) -> None:
        self.open[session] = OK
        self._of(session)

    def turn_ended(self, turn: TurnRecord) -> None:
        session = turn.session
        figures = self._of(session)
        figures.add(turn.measures)
        figures.audio_seconds[_codec(session)] += turn.measures.audio_seconds
        figures.turns[result_class(turn.result)] += 1
        if session in self.open and turn.result not in (session.result, CANCELLED, CLIENT_LEFT):
            self.open[session] = turn.result
            self._count_error(session, turn.result)

    def session_ended(self, session: SessionRecord) -> None:
        has_begun = session in self.open
        if session.result != self.open.pop(session, OK):  # an error that ends a turn and its session is one
            self._count_error(session, session.result)
        if not has_begun:
            return
        figures = self._of(session)
        figures.sessions[result_class(session.result)] += 1
        figures.client_seconds += session.client_seconds
        if session.mode == "forward":  # has no turns of its own
            figures.audio_seconds[_codec(session)] += session.measures.audio_seconds

    def _of(self, session: SessionRecord) -> KindFigures:
        return self.kinds.setdefault(Kind.of(session), KindFigures())

    def _count_error(self, session: SessionRecord, result: str) -> None:
        if result_class(result) not in (REFUSED, FAILED):
            return
        told = (session.transport, errors.name_of(result))
        if told not in self.told and len(self.told) >= MOST_REASONS:
            told = (session.transport, OTHER)
        self.told[told] += 1


def result_class(result: str) -> str:
    """One of RESULTS."""
    if result in (OK, CLIENT_LEFT, CANCELLED):
        return result
    return FAILED if result in OURS or result.startswith("http_5") else REFUSED


def _codec(session: SessionRecord) -> str:
    """The family of its format, which is one of ours by now."""
    return session.output_format.partition("_")[0] or OTHER
