"""Where a server listens, and with which limits: the same for each server that can run the application."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PING_INTERVAL_SECONDS = 20
PING_TIMEOUT_SECONDS = 60
# Connections that wait to be accepted. A client that finds the queue full tries again after about a second.
BACKLOG = 2048
# Connections that are accepted before others are served: those that have to make room are closed only afterwards, and each
# holds an open file until then.
ACCEPTS_AT_A_TIME = 8
# Above our own limit, so that a long message is answered with an error: servers drop what is above theirs.
FRAME_FACTOR = 2


class CannotListen(Exception):
    """The address cannot be listened on. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Listening:
    """`certificate` and `key`: PEM files, for TLS. `behind_proxy`: believe what a proxy says of the client's address.
    `descriptor`: a socket that listens already and was passed to this process, in place of `host` and `port`."""

    host: str
    port: int
    max_message_bytes: int
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    descriptor: int | None = None

    @property
    def max_frame_bytes(self) -> int:
        return FRAME_FACTOR * self.max_message_bytes


class Listener(Protocol):
    """The sockets that a server listens at. `is_passed`: they were passed to it, so that others may listen at them before,
    after and meanwhile; then it accepts nobody before it is told to."""

    @property
    def is_passed(self) -> bool: ...

    def accept(self) -> None:
        """Accept connections on passed sockets from now on."""

    def stop_accepting(self) -> None:
        """Leave what is not accepted to those who listen at the same sockets."""
