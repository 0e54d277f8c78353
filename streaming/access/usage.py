"""Usage in the database: what is written there in batches, what a limited key spends at once, what is left of its quota."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from streaming.access import refusals
from streaming.access.identity import Client
from streaming.access.models import Amounts, ApiKey, DailyUsage, UsageSlot, first_of_next_month
from streaming.errors import DatabaseUnavailable
from voices import database


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
    """Count characters of a limited key, if so many are left. Raises Refused, and then counts none; DatabaseUnavailable."""
    try:
        await database.spend(_spend, slot, characters)
    except DatabaseError:
        raise DatabaseUnavailable from None


async def quota_of(client: Client) -> Quota:
    """A client's usage and quota of this month. Clients without a key have none. Raises DatabaseError."""
    day = today()
    used = 0
    if client.key_id is not None:
        used = await database.read(DailyUsage.objects.characters_of_month, client.key_id, day)
    midnight = datetime.datetime.combine(first_of_next_month(day), datetime.time(), datetime.UTC)
    return Quota(used, client.max_characters_per_month, midnight)


def write_all(unwritten: Mapping[UsageSlot, Amounts], used: Mapping[int, datetime.datetime]) -> None:
    """What has been used, and when keys were used last: all of it, or nothing. Not for the event loop. Raises
    DatabaseError."""
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
