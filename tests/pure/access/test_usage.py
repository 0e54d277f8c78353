"""How usage gets into the database."""

import asyncio
import datetime
import threading
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import DatabaseError

from streaming.access import usage, usage_book
from streaming.access.identity import ANYBODY, Client
from streaming.access.models import Amounts, ApiKey, DailyUsage, UsageSlot, first_of_next_month
from streaming.access.usage import quota_of, spend, today
from streaming.access.usage_book import UsageBook
from streaming.errors import Refused
from tests.pure.access.conftest import NewKey

DAY = datetime.date(2026, 11, 24)


def slot_of(key: ApiKey | None, voice_id: str = "anna", day: datetime.date = DAY) -> UsageSlot:
    return UsageSlot(key.pk if key else None, voice_id, day)


@pytest.mark.django_db
def test_a_row_per_key_voice_and_day(new_key: NewKey) -> None:
    key, _ = new_key()
    slots = [slot_of(key), slot_of(None), slot_of(key, "bert"), slot_of(key, day=DAY + datetime.timedelta(days=1))]
    for slot in slots * 2:
        DailyUsage.objects.add(slot, Amounts(characters=2, audio_seconds=0.5, requests=1, errors=1))
    rows = DailyUsage.objects.values_list("characters", "audio_seconds", "requests", "errors")
    assert list(rows) == [(4, 1.0, 2, 2)] * 4


@pytest.mark.django_db
def test_a_month_is_that_of_the_calendar(new_key: NewKey) -> None:
    key, _ = new_key()
    other, _ = new_key()
    for day, characters in (("2026-10-31", 1), ("2026-11-01", 10), ("2026-11-30", 100), ("2026-12-01", 1000)):
        DailyUsage.objects.add(slot_of(key, day=datetime.date.fromisoformat(day)), Amounts(characters=characters))
    DailyUsage.objects.add(slot_of(other), Amounts(characters=7))
    assert DailyUsage.objects.characters_of_month(key.pk, DAY) == 110


@pytest.mark.parametrize(("day", "expected"), [("2026-11-30", "2026-12-01"), ("2026-12-31", "2027-01-01")])
def test_the_next_month(day: str, expected: str) -> None:
    assert first_of_next_month(datetime.date.fromisoformat(day)).isoformat() == expected


@pytest.mark.django_db
def test_what_a_client_has_left(new_key: NewKey) -> None:
    key, _ = new_key()
    DailyUsage.objects.add(slot_of(key, day=today()), Amounts(characters=30))
    quota = async_to_sync(quota_of)(Client(key_id=key.pk, max_characters_per_month=100))
    assert (quota.used, quota.limit) == (30, 100)
    assert quota.resets_at == datetime.datetime.combine(first_of_next_month(today()), datetime.time(), datetime.UTC)
    assert async_to_sync(quota_of)(ANYBODY).used == 0


@pytest.mark.django_db
def test_a_key_that_is_gone_spends_nothing() -> None:
    with pytest.raises(Refused):
        async_to_sync(spend)(UsageSlot(77, "anna", DAY), 10)


@pytest.mark.django_db
def test_usage_is_written_after_a_while_in_one_go(new_key: NewKey) -> None:
    key, _ = new_key()

    async def work() -> int:
        book = UsageBook(interval=0.05)
        for _ in range(100):
            book.add(slot_of(key), Amounts(requests=1))
        while not await DailyUsage.objects.aexists():
            await asyncio.sleep(0.01)
        return (await DailyUsage.objects.aget()).requests

    assert async_to_sync(work)() == 100


async def test_usage_is_written_in_the_thread_of_the_server_not_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(usage_book, "write_all", lambda *_: threads.append(threading.get_ident()))
    book = UsageBook(interval=0.01)
    async with ThreadSensitiveContext():  # as Django does around every request
        book.add(slot_of(None), Amounts(requests=1))
    async with asyncio.timeout(10):
        while not threads:
            await asyncio.sleep(0.01)
    assert threads == [await sync_to_async(threading.get_ident)()]


@pytest.mark.django_db
def test_a_database_that_fails_loses_no_usage(
    new_key: NewKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = new_key()
    write_all, calls = usage.write_all, 0

    def fail_first(*what: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise DatabaseError("gone")
        write_all(*what)

    async def work() -> None:
        book = UsageBook(interval=0.01)
        book.add(slot_of(key), Amounts(characters=3))
        while not await DailyUsage.objects.aexists():
            await asyncio.sleep(0.01)

    monkeypatch.setattr(usage_book, "write_all", fail_first)
    async_to_sync(work)()
    assert DailyUsage.objects.get().characters == 3
    assert "they are kept and will be written later" in caplog.text


@pytest.mark.django_db
def test_the_end_of_the_server_writes_what_is_left(new_key: NewKey) -> None:
    key, _ = new_key()

    async def work() -> UsageBook:
        book = UsageBook(interval=3600)
        book.add(slot_of(key), Amounts(characters=3))
        await book.close()
        assert (await DailyUsage.objects.aget()).characters == 3
        book.add(slot_of(key), Amounts(characters=4))
        return book

    async_to_sync(work)().write_rest()
    assert DailyUsage.objects.get().characters == 7


@pytest.mark.django_db
def test_usage_of_a_key_that_was_deleted_is_not_lost() -> None:
    async def work() -> None:
        book = UsageBook(interval=3600)
        book.add(UsageSlot(77, "anna", DAY), Amounts(characters=3))
        await book.close()

    async_to_sync(work)()
    usage = DailyUsage.objects.get()
    assert (usage.key, usage.characters) == (None, 3)


async def test_what_comes_while_the_database_is_slow_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    voices: list[str] = []
    is_slow, both = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def write(unwritten: dict[UsageSlot, Amounts], _: object) -> None:
        voices.extend(slot.voice_id for slot in unwritten)
        if len(voices) == 2:
            loop.call_soon_threadsafe(both.set)
        else:
            loop.call_soon_threadsafe(book.add, slot_of(None, "bert"), Amounts(requests=1))
            is_slow.wait(0.2)

    monkeypatch.setattr(usage_book, "write_all", write)
    book = UsageBook(interval=0.01)
    book.add(slot_of(None), Amounts(requests=1))
    async with asyncio.timeout(10):
        await both.wait()
    await book.close()
    assert voices == ["anna", "bert"]


async def test_what_is_kept_is_bounded_and_loses_no_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_book, "MOST_SLOTS", 3)
    written: dict[UsageSlot, Amounts] = {}
    monkeypatch.setattr(usage_book, "write_all", lambda unwritten, _: written.update(unwritten))
    book = UsageBook(interval=3600)
    for number in range(100):
        book.add(UsageSlot(7, f"voice {number}", DAY), Amounts(characters=1))
    await book.close()
    assert len(written) == 4
    assert written[UsageSlot(7, usage_book.OTHER_VOICES, DAY)].characters == 97


async def test_much_is_written_in_several_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    monkeypatch.setattr(usage_book, "write_all", lambda unwritten, _: batches.append(len(unwritten)))
    book = UsageBook(interval=3600)
    for number in range(2 * usage_book.BATCH + 1):
        book.add(UsageSlot(7, f"voice {number}", DAY), Amounts(characters=1))
    await book.close()
    assert batches == [usage_book.BATCH, usage_book.BATCH, 1]


async def test_the_end_does_not_wait_for_a_write_that_is_stuck(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_over = asyncio.Event()

    async def stuck(*_: Any) -> None:
        await is_over.wait()

    monkeypatch.setattr(usage_book, "CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(usage_book, "keep_books", stuck)
    book = UsageBook(interval=3600)
    book.add(slot_of(None), Amounts(characters=3))
    await book.close()
    book.write_rest()
    assert "probably not in the database" in caplog.text
    assert "characters=3" in caplog.text
    is_over.set()
