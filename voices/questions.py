"""Questions to the database that many clients have at the same time."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from django.db import Error as DatabaseError

from voices.database_waits import SILENCE_SECONDS
from voices.patience import DatabaseSlow, for_nobody, in_time

Answer = TypeVar("Answer")


class Questions(Generic[Answer]):
    """Of one kind. The same question is asked once for all who have it at the time.

    After one that was not answered, others are told so at once, for a moment: not everybody has to wait to learn that there
    is no answer. Then one of them finds out again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_until = 0.0
        self._open: dict[Hashable, asyncio.Task[Answer]] = {}

    async def ask(self, name: Hashable, question: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Raises what `question` raises, and DatabaseSlow. `name`: equal for equal questions."""
        if (asked := self._open.get(name)) is None:
            now = self._clock()
            if now < self._silent_until:
                raise DatabaseSlow("The database did not answer a moment ago.")
            if self._silent_until:
                self._silent_until = now + SILENCE_SECONDS  # this one finds out
            asked = self._open[name] = asyncio.create_task(self._ask(question))
            asked.add_done_callback(lambda done: self._close(name, done))
        # Who leaves, or has no more time, does not take the answer from the others.
        async with in_time():
            return await asyncio.shield(asked)

    async def _ask(self, question: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        try:
            with for_nobody():
                answer = await question()
        except DatabaseError:
            self._silent_until = self._clock() + SILENCE_SECONDS
            raise
        except Exception:  # an answer, too
            self._silent_until = 0.0
            raise
        self._silent_until = 0.0
        return answer

    def _close(self, name: Hashable, done: "asyncio.Task[Answer]") -> None:
        del self._open[name]
        if not done.cancelled():
            done.exception()  # asked for by nobody, perhaps
