"""How usage gets into the database: in batches, off the event loop; and what a limited key spends: at once."""

import asyncio
import contextvars
import datetime
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from streaming.access import refusals
from streaming.access.identity import Client
from streaming.access.models import Amounts, ApiKey, DailyUsage, UsageSlot, first_of_next_month
from voices.database import write

logger = logging.getLogger("streaming.access")

WRITE_INTERVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Quota:
    """Characters of this month. `limit` None: any number. `resets_at`: the first moment of the next month."""

    used: int
    limit: int | None
    resets_at: datetime.datetime


def today() -> datetime.date:
    """In UTC, as every day here."""
    return timezone.now().date()


async def spend(slot: UsageSlot, characters: int) -> None:
    """Count characters of a limited key, if so many are left. Raises Refused, and then counts none."""
    await write(_spend, slot, characters)


async def quota_of(client: Client) -> Quota:
    """A client's usage and quota of this month. Clients without a key have none."""
    day = today()
    used = 0
    if client.key_id is not None:
        used = await database_sync_to_async(DailyUsage.objects.characters_of_month)(client.key_id, day)
    midnight = datetime.datetime.combine(first_of_next_month(day), datetime.time(), datetime.UTC)
    return Quota(used, client.max_characters_per_month, midnight)


class UsageBook:
    """What has been used and is not in the database yet. Belongs to the event loop."""

    def __init__(self, interval: float = WRITE_INTERVAL_SECONDS) -> None:
        self._interval = interval
        self._unwritten: dict[UsageSlot, Amounts] = {}
        # Keys, and when they were used last.
        self._used: dict[int, datetime.datetime] = {}
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
        """Write everything. What is added later waits for `write_rest`."""
        if self._timer:
            self._timer.cancel()
        if self._writing:
            await self._writing
        await self._write()

    def write_rest(self) -> None:
        """For the very end of the process, when no event loop runs any more."""
        unwritten, self._unwritten = self._unwritten, {}
        used, self._used = self._used, {}
        try:
            _write_all(unwritten, used)
        except DatabaseTrouble:
            logger.exception("The last usage records could not be written to the database")

    def _note(self, slot: UsageSlot, amounts: Amounts) -> None:
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

    async def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, {}
        used, self._used = self._used, {}
        if not (unwritten or used):
            return
        try:
            await write(_write_all, unwritten, used)
        except DatabaseTrouble:
            logger.exception(
                "Usage records could not be written to the database; they are kept and will be written later"
            )
            for slot, amounts in unwritten.items():
                self.add(slot, amounts)
            self._used = used | self._used
            self._write_soon()


def _write_all(unwritten: Mapping[UsageSlot, Amounts], used: Mapping[int, datetime.datetime]) -> None:
    with transaction.atomic():
        for key_id, moment in sorted(used.items()):
            older = Q(last_used_at=None) | Q(last_used_at__lt=moment)
            ApiKey.objects.filter(older, pk=key_id).update(last_used_at=moment)
        known = set(ApiKey.objects.values_list("pk", flat=True))
        # In one order, so that no two processes wait for each other's rows.
        for slot, amounts in sorted(unwritten.items(), key=lambda item: _order(item[0])):
            # A key that has been deleted meanwhile cannot have usage.
            owner = slot.key_id if slot.key_id in known else None
            DailyUsage.objects.add(UsageSlot(owner, slot.voice_id, slot.day), amounts)


def _order(slot: UsageSlot) -> tuple[int, str, datetime.date]:
    return slot.key_id or 0, slot.voice_id, slot.day


def _spend(slot: UsageSlot, characters: int) -> None:
    if slot.key_id is None:
        raise ValueError("A client without a key has no quota.")
    with transaction.atomic():
        # Whoever else spends with this key waits here. (SQLite locks the whole database: settings.py, IMMEDIATE.)
        key = ApiKey.objects.select_for_update(no_key=True).filter(pk=slot.key_id).first()
        if key is None:
            raise refusals.bad_key()
        limit = key.max_characters_per_month
        if limit is not None:
            used = DailyUsage.objects.characters_of_month(key.pk, slot.day)
            if used + characters > limit:
                raise refusals.quota_exceeded(limit=limit, used=used, needed=characters)
        DailyUsage.objects.add(slot, Amounts(characters=characters))
