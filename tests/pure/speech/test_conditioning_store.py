"""What was made of a voice gets into the database later, however long that takes nothing."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from django.db import Error as DatabaseError
from django.db import OperationalError

from streaming.speech import conditioning_store
from streaming.speech.conditioning_store import ConditioningStore


class Database:
    """Takes something when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}
        self.is_locked = True
        self.asked = 0

    async def store(self, key: str, fingerprint: str, data: bytes) -> None:
        self.asked += 1
        if self.is_locked:
            raise OperationalError("database is locked")
        self.rows[key, fingerprint] = data


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(conditioning_store, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(conditioning_store, "LONGEST_PAUSE_SECONDS", 0.001)
    return database


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_what_the_database_refuses_is_stored_later_and_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditioning_store, "TRIES", 10**9)
    store = ConditioningStore(database.store)
    for key in ("one", "two"):
        store.keep(key, "engine", key.encode())
    await until(lambda: database.asked > 2)
    assert len(store) == 2
    database.is_locked = False
    await until(lambda: not store)
    assert list(database.rows.items()) == [(("one", "engine"), b"one"), (("two", "engine"), b"two")]


async def test_no_more_than_so_many_wait_and_what_is_dropped_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conditioning_store, "MOST_WAITING", 2)
    store = ConditioningStore(database.store)
    for key in ("one", "two", "three"):
        store.keep(key, "engine", b"")
    assert len(store) == 2
    assert "the first is dropped" in caplog.text
    database.is_locked = False
    await until(lambda: not store)
    assert [key for key, _ in database.rows] == ["two", "three"]


async def test_whoever_waits_for_one_waits_for_one_attempt_and_learns_that_it_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditioning_store, "FIRST_PAUSE_SECONDS", 3600.0)
    store = ConditioningStore(database.store)
    store.keep("one", "engine", b"")
    for _ in range(2):  # the second time between two attempts
        with pytest.raises(DatabaseError, match="does not take"):
            await store.written("one", "engine")
    assert (database.asked, len(store)) == (1, 1)


async def test_whoever_waits_for_one_does_not_wait_for_it_when_it_is_stored(database: Database) -> None:
    database.is_locked = False
    store = ConditioningStore(database.store)
    for key in ("one", "two"):
        store.keep(key, "engine", b"")
        await store.written(key, "engine")
    await store.written("one", "engine")
    assert (len(database.rows), database.asked) == (2, 2)


async def test_what_is_refused_again_and_again_is_given_up_and_said(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conditioning_store, "TRIES", 3)
    store = ConditioningStore(database.store)
    store.keep("one", "engine", b"")
    await until(lambda: not store)
    assert database.asked == 3
    assert "1 prepared voices cannot be stored" in caplog.text


async def test_the_end_of_the_server_tries_once_more(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    store = ConditioningStore(database.store)
    store.keep("one", "engine", b"data")
    await store.close()
    assert "1 prepared voices are not stored" in caplog.text
    database.is_locked = False
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        await store.close()
    assert (database.rows, caplog.text) == ({("one", "engine"): b"data"}, "")
