"""When may the next packet go out?"""


class Pacer:
    """Keeps delivery at most `lead` seconds of audio ahead of real time.

    A packet goes out when (audio sent - time elapsed), measured before that packet, is at most the lead. The clock is
    anchored at a turn's first packet. A stream that its server has made late therefore catches up. It is anchored again
    where the source had nothing to send until the client had played everything: that time must not allow a burst.
    """

    def __init__(self, lead: float) -> None:
        self._lead = lead
        self._anchor: float | None = None
        self._sent = 0.0

    def start_turn(self) -> None:
        self._anchor = None

    def resume(self, *, now: float) -> None:
        """The source has something to send again, after it had nothing."""
        if self._anchor is not None and self._sent < now - self._anchor:
            self._anchor = None

    def next_send_time(self, *, now: float) -> float:
        """The earliest time (seconds, on the clock of `now`) for the next packet; `now` itself if it is due."""
        if self._anchor is None:
            self._anchor, self._sent = now, 0.0
        return max(now, self._anchor + self._sent - self._lead)

    def sent(self, seconds: float) -> None:
        """A packet with that much audio went out."""
        self._sent += seconds
