"""What one request asks the database shares one time."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from voices import database
from voices.database_waits import waiting_at_most
from voices.patience import DatabaseSlow, Patience, for_nobody, one_patience, waiting
from voices.questions import Questions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait(patience: Patience, clock: Clock, seconds: float) -> float:
    """One wait. For how long it may last, at most."""
    with patience.waiting() as end:
        allowed = end - clock.now
        clock.now += seconds
    return allowed


def test_each_wait_has_what_those_before_it_have_left() -> None:
    clock = Clock()
    patience = Patience(2.5, clock)
    assert [wait(patience, clock, seconds) for seconds in (1.0, 0.5, 1.0)] == [2.5, 1.5, 1.0]
    with pytest.raises(DatabaseSlow), patience.waiting():
        pass


def test_time_in_which_nothing_is_asked_is_not_the_databases() -> None:
    clock = Clock()
    patience = Patience(2.5, clock)
    wait(patience, clock, 1.0)
    clock.now += 60
    assert wait(patience, clock, 0.0) == 1.5


def test_waits_at_the_same_time_count_once() -> None:
    clock = Clock()
    patience = Patience(2.5, clock)
    with patience.waiting() as end:
        clock.now += 1.0
        with patience.waiting() as inner_end:
            clock.now += 1.0
    assert inner_end == end
    assert wait(patience, clock, 0.0) == 0.5


def test_after_the_answer_there_is_no_end() -> None:
    patience = Patience(0.0)
    patience.let_go()
    with patience.waiting() as end:
        assert end == float("inf")


def test_an_inner_request_has_the_time_of_the_outer_one() -> None:
    with one_patience(0.0), one_patience(60.0), pytest.raises(DatabaseSlow), waiting():
        pass
    with one_patience(0.0), for_nobody(), waiting() as end:
        assert end == float("inf")


async def test_questions_of_one_request_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when each of them is answered in its own time."""
    monkeypatch.setattr(database, "_answer_seconds", 0.0)
    with one_patience(60.0), pytest.raises(DatabaseSlow):
        await database.read(int, "7")
    monkeypatch.setattr(database, "_answer_seconds", 60.0)
    assert await database.read(int, "7") == 7
    with one_patience(0.0), pytest.raises(DatabaseSlow):
        await database.read(int, "7")


async def test_a_question_that_others_have_too_does_not_end_with_ones_time() -> None:
    questions, answer = Questions[int](), asyncio.get_running_loop().create_future()

    async def question() -> int:
        return int(await answer)

    async def ask_in(seconds: float) -> int:
        with one_patience(seconds):
            return await questions.ask("same", question)

    hurried = asyncio.create_task(ask_in(0.01))
    patient = asyncio.create_task(ask_in(60.0))
    with pytest.raises(DatabaseSlow):
        await hurried
    answer.set_result(7)
    assert await patient == 7


@pytest.mark.django_db
def test_a_wrapper_that_is_there_when_a_connection_opens_can_be_taken_away() -> None:
    """Django takes the last one away."""
    asked: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    ours = connections.create_connection("default")
    with ours.execute_wrapper(note), ours.cursor() as cursor:
        cursor.execute("SELECT 1")
    before = len(asked)
    with ours.cursor() as cursor:
        cursor.execute("SELECT 2")
    assert (before > 0, len(asked)) == (True, before)
    ours.close()


@pytest.mark.django_db
def test_a_lock_of_sqlite_is_waited_for_as_long_as_the_request_has_time(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    ours = DatabaseWrapper(
        {
            **dict.fromkeys(("CONN_MAX_AGE", "TIME_ZONE"), None),
            **{"NAME": path, "OPTIONS": {"transaction_mode": "IMMEDIATE"}, "AUTOCOMMIT": True},
            **{"ATOMIC_REQUESTS": False, "CONN_HEALTH_CHECKS": False},
        }
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as holder, waiting_at_most(3600):
        holder.execute("BEGIN IMMEDIATE")
        with ours.cursor() as cursor, one_patience(0.2), pytest.raises(OperationalError, match="locked"):
            cursor.execute("BEGIN IMMEDIATE")
        holder.execute("ROLLBACK")
        with ours.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("PRAGMA busy_timeout")
            assert cursor.fetchall() == [(2700_000,)]
            cursor.execute("ROLLBACK")
    ours.close()
