"""When may the next packet go out?"""


class Pacer:
    """Keeps delivery at most `lead` seconds of audio ahead of real time.

    A packet goes out when (audio sent - time elapsed), measured before that packet, is at most the lead. The clock is
    anchored at a turn's first packet, and again whenever the lead has fallen below zero: the client has played everything
    by then, and the time that has passed must not allow a burst.
    """

    def __init__(self, lead: float) -> None:
        self._lead = lead
        self._anchor: float | None = None
        self._sent = 0.0

    def start_turn(self) -> None:
        self._anchor = None

    def next_send_time(self, *, now: float) -> float:
        """The earliest time (seconds, on the clock of `now`) for the next packet; `now` itself if it is due."""
        if self._anchor is None or self._sent < now - self._anchor:
            self._anchor, self._sent = now, 0.0
        return max(now, self._anchor + self._sent - self._lead)

    def sent(self, seconds: float) -> None:
        """A packet with that much audio went out."""
        self._sent += seconds
