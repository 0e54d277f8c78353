"""Writes down what happens to the turns of one stream, as its speaker reports it."""

import time
from collections.abc import Callable
from typing import Protocol

from streaming.records.records import Records
from streaming.records.session_record import CANCELLED, OK, SessionRecord, TurnRecord


class Timed(Protocol):
    """The work of an engine on one utterance, in seconds so far: how long it waited, how long it took, how much audio it
    made."""

    @property
    def queue_seconds(self) -> float: ...

    @property
    def engine_seconds(self) -> float: ...

    @property
    def made_seconds(self) -> float: ...


class Recorder:
    """`asked_at`: when the first turn was asked for, if not by its first utterance. `left`: the result of a turn that ends
    early, where the session does not know better. Times are those of time.monotonic."""

    def __init__(
        self,
        session: SessionRecord,
        records: Records,
        number: int = 0,
        *,
        asked_at: float | None = None,
        left: str = CANCELLED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._records = records
        self._number = number
        self._clock = clock
        self._asked_at = asked_at
        self._left = left
        self._turn: TurnRecord | None = None
        # When the stream had spoken all that it was given before.
        self._free_at = 0.0
        # How far a player has sound that has no buffer; None before the first packet of a turn.
        self._plays_until: float | None = None
        self._client_was_silent = False
        self._work: Timed | None = None

    def take_up(self, asked_at: float) -> None:
        """The next utterance's time has come; its text was there since `asked_at`."""
        self._note_work()
        if self._turn is None:
            self._turn = TurnRecord(self._session, self._number)
            self._session.open_turns += 1
            self._asked_at = max(asked_at, self._free_at) if self._asked_at is None else self._asked_at
            self._plays_until = None

    def charged(self, characters: int) -> None:
        if self._turn:
            self._turn.measures.characters += characters

    def works(self, work: Timed) -> None:
        """An engine has been given the utterance."""
        self._work = work

    def client_was_silent(self) -> None:
        """There was no text to speak until now."""
        self._client_was_silent = True

    def sent(self, seconds: float) -> None:
        """A packet of so much audio."""
        if self._turn is None:
            return
        now, measures = self._clock(), self._turn.measures
        measures.audio_seconds += seconds
        if self._plays_until is None:
            self._plays_until = now
            measures.ttfa_seconds = now - (now if self._asked_at is None else self._asked_at)
        elif (gap := now - self._plays_until) > 0:
            self._plays_until = now
            if not self._client_was_silent:
                measures.starved_seconds += gap
                measures.gap_seconds = max(measures.gap_seconds, gap)
        self._client_was_silent = False
        self._plays_until += seconds

    def spoken(self) -> None:
        """All of an utterance is sent."""
        self._note_work()
        self._free_at = self._clock()

    def end_turn(self, result: str = OK) -> None:
        """The turn is over, if one goes on."""
        self._note_work()
        turn, self._turn, self._asked_at = self._turn, None, None
        if turn:
            turn.result = result
            self._records.end_turn(turn)

    def close(self, result: str = "") -> None:
        """The stream is gone. `result`: why, if it is known."""
        session = self._session.result
        self.end_turn(result or (session if session and session != OK else self._left))

    def _note_work(self) -> None:
        work, self._work = self._work, None
        if work and self._turn:
            measures = self._turn.measures
            measures.queue_seconds = max(measures.queue_seconds, work.queue_seconds)
            measures.engine_seconds += work.engine_seconds
            measures.made_seconds += work.made_seconds


def unrecorded() -> Recorder:
    """For streams of which nobody wants to know."""
    return Recorder(SessionRecord("", "websocket"), Records())
