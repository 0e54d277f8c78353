"""How many connections of each kind a process may hold: as many as the settings say, and as its open files allow.

A process without a free file can accept nobody, not even a probe of its health.
"""

import logging
import resource
from dataclasses import dataclass

logger = logging.getLogger("streaming.connection.capacity")

# Database, engine, logs, Redis, code that is imported late.
OTHER_FILES = 64
LEAST = 8


@dataclass(frozen=True, slots=True)
class Capacity:
    """`sockets`: that speak, or wait to. `responses`: over HTTP, that speak. `requests`: that are not complete. `strangers`:
    sockets whose client has not said who it is."""

    sockets: int
    responses: int
    requests: int
    strangers: int

    def within(self, files: int) -> "Capacity":
        """The same, reduced to what so many open files allow."""
        share = max(LEAST, (files - OTHER_FILES) // 5)
        return Capacity(
            min(self.sockets, 2 * share),
            min(self.responses, share // 2),
            min(self.requests, share // 2),  # daphne keeps a file for each
            min(self.strangers, share),
        )

    def within_this_process(self) -> "Capacity":
        """Says so if that is less."""
        files = open_files()
        possible = self.within(files)
        if possible != self:
            logger.warning(
                "The limit of open files is %d (ulimit -n): at most %d sockets, %d responses, %d incomplete requests and %d "
                "sockets without a key can be open",
                files,
                possible.sockets,
                possible.responses,
                possible.requests,
                possible.strangers,
            )
        return possible


def open_files() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


def raise_open_files() -> None:
    """To as many as the system grants this process: each connection is one, and the usual limit is for small programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
