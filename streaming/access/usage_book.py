"""How usage gets into the database: later, in batches, on a thread of its own. Nobody waits for it."""

import asyncio
import contextvars
import datetime
import logging
import math
from dataclasses import replace
from itertools import islice

from django.db import Error as DatabaseError
from django.utils import timezone

from streaming.access.models import Amounts, UsageSlot
from streaming.access.usage import write_all
from voices.database import as_long_as_allowed, keep_books

logger = logging.getLogger("streaming.access")

WRITE_INTERVAL_SECONDS = 5.0
# SQLite has one writer at a time: between batches, others get their turn.
BATCH = 500
# What is kept in memory while the database takes nothing. Of what comes then, the voices are not told apart.
MOST_SLOTS = 10_000
OTHER_VOICES = "(others)"
# How long the end of the server waits for the database.
CLOSE_SECONDS = 5.0

Slots = dict[UsageSlot, Amounts]
Moments = dict[int, datetime.datetime]


class UsageBook:
    """What has been used and is not in the database yet. Belongs to the event loop."""

    def __init__(self, interval: float = WRITE_INTERVAL_SECONDS) -> None:
        self._interval = interval
        self._unwritten: Slots = {}
        # Keys, and when they were used last.
        self._used: Moments = {}
        # What is being written now.
        self._in_hand: Slots = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def add(self, slot: UsageSlot, amounts: Amounts) -> None:
        self._note(slot, amounts)
        self._write_soon()

    def note_use(self, key_id: int) -> None:
        """A client with this key has come."""
        self._used[key_id] = timezone.now()
        self._write_soon()

    async def close(self) -> None:
        """Write everything, in a few seconds at most. What is added later, or cannot be written, waits for `write_rest`."""
        if self._timer:
            self._timer.cancel()
        closing = asyncio.ensure_future(self._finish())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)

    def write_rest(self) -> None:
        """For the very end of the process, when no event loop runs any more."""
        try:
            with as_long_as_allowed():
                while self._unwritten or self._used:
                    write_all(*self._first())
                    self._drop_first()
        except DatabaseError:
            logger.exception("The last usage records could not be written to the database")
        for slot, amounts in (self._in_hand | self._unwritten).items():
            logger.error("This usage is probably not in the database: %s, %s", slot, amounts)

    def _note(self, slot: UsageSlot, amounts: Amounts) -> None:
        if slot not in self._unwritten and len(self._unwritten) >= MOST_SLOTS:
            slot = replace(slot, voice_id=OTHER_VOICES)
        self._unwritten.setdefault(slot, Amounts()).__iadd__(amounts)

    def _write_soon(self) -> None:
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        # Not in the context of the request that happens to be the first: it has a thread of its own for the database.
        context = contextvars.Context()
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._begin_to_write, context=context)

    def _begin_to_write(self) -> None:
        if self._writing and not self._writing.done():
            self._set_timer()  # what has come since it began must not wait for somebody to speak again
            return
        self._timer = None
        self._writing = asyncio.create_task(self._write())

    async def _finish(self) -> None:
        if self._writing:
            await self._writing
        await self._write()

    async def _write(self) -> None:
        """What is there now; what comes meanwhile has time."""
        for _ in range(math.ceil(max(len(self._unwritten), len(self._used)) / BATCH)):
            self._in_hand, used = self._first()
            self._drop_first()
            try:
                await keep_books(write_all, self._in_hand, used)
            except DatabaseError as error:
                logger.error(
                    "Usage records could not be written to the database; they are kept and will be written later: %s",
                    " ".join(str(error).split()),
                )
                self._put_back(used)
                return
            self._in_hand = {}

    def _put_back(self, used: Moments) -> None:
        in_hand, self._in_hand = self._in_hand, {}
        for slot, amounts in in_hand.items():
            self._note(slot, amounts)
        self._used = used | self._used
        self._write_soon()

    def _first(self) -> tuple[Slots, Moments]:
        return dict(islice(self._unwritten.items(), BATCH)), dict(islice(self._used.items(), BATCH))

    def _drop_first(self) -> None:
        for slot in list(islice(self._unwritten, BATCH)):
            del self._unwritten[slot]
        for key_id in list(islice(self._used, BATCH)):
            del self._used[key_id]
