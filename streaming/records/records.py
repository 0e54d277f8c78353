"""Who is told of sessions: one list for each server process."""

import logging
import time
from collections.abc import Callable

from streaming.records.session_record import CLIENT_LEFT, OK, SessionRecord, TurnRecord

logger = logging.getLogger("streaming.records")


class Listener:
    """Does nothing. What is called is called on the event loop: it must return at once, and must not change what it is
    given."""

    def session_began(self, session: SessionRecord) -> None:
        """It is known who speaks, and how."""

    def turn_ended(self, turn: TurnRecord) -> None:
        """`turn.session` has not its measures yet."""

    def session_ended(self, session: SessionRecord) -> None:
        """Whether or not it had begun."""


class Records:
    """Tells every listener of everything. One that fails does not keep the others from hearing it, nor a client from being
    served."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def listen(self, listener: Listener) -> None:
        """It is told from now on."""
        self._listeners.append(listener)

    def begin(self, session: SessionRecord) -> None:
        if not session.has_begun:
            session.has_begun = True
            self._tell(lambda listener: listener.session_began(session))

    def end_turn(self, turn: TurnRecord) -> None:
        session = turn.session
        session.open_turns -= 1
        self._tell(lambda listener: listener.turn_ended(turn))
        session.turns += 1
        session.measures.add(turn.measures)

    def leave(self, session: SessionRecord) -> None:
        """The client is gone, before its turns are ended."""
        session.result = session.result or (CLIENT_LEFT if session.open_turns else OK)

    def end(self, session: SessionRecord) -> None:
        if session.has_ended:
            return
        session.has_ended = True
        session.seconds = time.monotonic() - session.began
        session.result = session.result or OK
        self._tell(lambda listener: listener.session_ended(session))

    def _tell(self, call: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                call(listener)
            except Exception:
                logger.exception("A session could not be recorded")
