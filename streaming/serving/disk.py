"""Whether the disk takes what is written: recordings, and the database where it is SQLite."""

import asyncio
import logging
import os
import tempfile
from pathlib import Path

from voices.daemon_threads import DaemonThreads, TooMuchWork

logger = logging.getLogger("streaming.serving.disk")

# A full disk may still have room for a few bytes in blocks that it has given out.
WRITTEN_BYTES = 65_536


class Disk:
    """The one that `folder` is on. Without the folder, which other projects may not have, nothing is written there."""

    def __init__(self, folder: Path, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        # A disk that hangs, on a network say, takes the thread with it: there is one, however many ask.
        self._thread = DaemonThreads("disk", 1, most_waiting=8)

    async def state(self) -> str:
        """`ok`, or what is wrong."""
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.wrap_future(self._thread.submit(_write, self._folder))
        except (TimeoutError, TooMuchWork):
            return "no answer"
        except FileNotFoundError:
            return "not used"
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._folder, error.strerror)
            return error.strerror or "error"
        return "ok"


def _write(folder: Path) -> None:
    """A file without a name, which is gone when it is closed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(WRITTEN_BYTES))
        file.flush()
        os.fsync(file.fileno())
