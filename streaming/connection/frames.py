"""WebSocket frames (RFC 6455): what a server sends for a text; and what a client may send beside whole messages: fragments
of one, and control frames. Servers put no bound on either, and answer each ping.
"""

# A message may come in as many fragments. Even an empty one costs memory until the last has come.
MAX_FRAGMENTS = 1024
# Messages that may come after the server's close, from a client that has not read it yet. Nobody handles them.
MAX_AFTER_CLOSE = 1024
# Pings and pongs together. Clients send one in some seconds.
CONTROL_FRAMES_PER_SECOND = 10.0
CONTROL_FRAMES_AT_ONCE = 100


def text_frame(text: str) -> bytes:
    """A whole text message as a server sends it: without a mask (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"%c%c%b" % (0x81, size, payload)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class ControlFrames:
    """Counts the control frames of one connection. Reads no clock."""

    def __init__(self) -> None:
        self._left = float(CONTROL_FRAMES_AT_ONCE)
        self._counted_at: float | None = None

    def are_too_many(self, now: float) -> bool:
        """Whether one more, at `now` (seconds, monotonic), is above the limit."""
        since = 0.0 if self._counted_at is None else now - self._counted_at
        self._counted_at = now
        self._left = min(CONTROL_FRAMES_AT_ONCE, self._left + since * CONTROL_FRAMES_PER_SECOND) - 1
        return self._left < 0
