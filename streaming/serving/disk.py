"""Whether the disk takes what is written: recordings, and the database where it is SQLite."""

import asyncio
import logging
import os
import tempfile
from pathlib import Path

from voices.daemon_threads import DaemonThreads

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
        """ "ok", or what is wrong."""
        if not self._folder.is_dir():
            return "not used"
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.wrap_future(self._thread.submit(_write, self._folder))
        except OSError as error:
            if isinstance(error, TimeoutError):
                return "no answer"
            logger.warning("%s cannot be written: %s", self._folder, error.strerror)
            return error.strerror or "error"
        return "ok"


def _write(folder: Path) -> None:
    """A file without a name, which is gone when it is closed."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(bytes(WRITTEN_BYTES))
        os.fsync(file.fileno())
