"""When Python looks for reference cycles: a full search looks at every object there is, and the event loop stands still
meanwhile, for a third of a second in a large process. Every paced session is late then.

What is there when the server starts is never looked at again. Sessions and utterances leave no cycles behind, so there is
little to be found, and it is searched for while nobody is connected; with somebody connected, only rarely.
"""

import asyncio
import gc
import logging
from collections.abc import Callable

logger = logging.getLogger("streaming.serving")

LOOK_SECONDS = 10.0
# Without an idle moment. A search takes about a tenth of a millisecond for each session.
LONGEST_SECONDS = 600.0
# New containers before the young ones are looked at, and how often that is done before those are looked at that survived
# it; as Python's own. And how often that is done before everything is: a bound for those who make cycles on purpose.
THRESHOLDS = (700, 10, 200)
# More survivors than this are what was imported late, and stay.
MANY_OBJECTS = 20_000


class CycleCollection:
    """Of this process. Belongs to the event loop. `is_idle`: whether nobody waits for anything."""

    def __init__(self, is_idle: Callable[[], bool]) -> None:
        self._is_idle = is_idle
        self._timer: asyncio.TimerHandle | None = None
        self._collected_at = 0.0

    def start(self) -> None:
        """What exists now stays for good."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        self._collected_at = asyncio.get_running_loop().time()
        self._look_later()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        now, is_idle = asyncio.get_running_loop().time(), self._is_idle()
        if is_idle or now - self._collected_at > LONGEST_SECONDS:
            self._collected_at = now
            found = gc.collect()
            logger.debug("%d unreachable objects were collected", found)
            if is_idle and len(gc.get_objects(generation=2)) > MANY_OBJECTS:
                gc.freeze()
        self._look_later()
