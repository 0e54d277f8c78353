"""Threads that use the database, and questions that many have: nobody waits for ever."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError

from voices import database
from voices.daemon_threads import DaemonThreads, TooMuchWork
from voices.database_waits import SILENCE, SILENCE_SECONDS, Silence
from voices.patience import DatabaseSlow
from voices.questions import Questions


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """What waits for it is stuck until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_calls_are_answered_by_as_many_threads_as_are_needed() -> None:
    threads = DaemonThreads("test", 3)
    names = [threads.submit(lambda: threading.current_thread().name).result(60) for _ in range(20)]
    assert set(names) == {"test-1"}
    together = threading.Barrier(3)
    for future in [threads.submit(together.wait, 60) for _ in range(3)]:
        future.result(60)


def test_an_error_is_told_to_who_has_called() -> None:
    def fail() -> None:
        raise LookupError("nothing")

    threads = DaemonThreads("test", 1)
    with pytest.raises(LookupError):
        threads.submit(fail).result(60)
    assert threads.submit(int, "7").result(60) == 7


def test_no_more_than_so_many_wait_for_threads_that_are_stuck(stuck: threading.Event) -> None:
    threads = DaemonThreads("test", 1, most_waiting=2)
    began = threading.Event()

    def hold() -> None:
        began.set()
        stuck.wait()

    threads.submit(hold)
    began.wait(60)
    waiting = [threads.submit(int) for _ in range(2)]
    with pytest.raises(TooMuchWork):
        threads.submit(int)
    assert waiting[0].cancel()
    stuck.set()
    assert waiting[1].result(60) == 0


def test_each_thread_works_within_its_context() -> None:
    inside = threading.local()

    @contextmanager
    def context() -> Iterator[None]:
        inside.value = "here"
        yield

    threads = DaemonThreads("test", 1, within=context)
    assert threads.submit(lambda: inside.value).result(60) == "here"


async def test_who_waits_for_a_stuck_thread_is_told_so_and_usage_holds_up_nobody(
    stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("READERS", "SPENDERS"):
        monkeypatch.setattr(database, name, database._threads(name, 1))
    monkeypatch.setattr(database, "_answer_seconds", 0.05)
    first, second = await asyncio.gather(database.spend(stuck.wait), database.spend(stuck.wait), return_exceptions=True)
    assert isinstance(first, DatabaseSlow)
    assert isinstance(second, DatabaseSlow)
    monkeypatch.setattr(database, "_answer_seconds", 60)
    assert await database.read(int, "7") == 7


def test_after_a_silence_one_finds_out_whether_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("voices.database_waits.time.monotonic", lambda: now)
    silence = Silence()
    silence.check()
    silence.begin()
    with pytest.raises(DatabaseSlow):
        silence.check()
    now += SILENCE_SECONDS
    silence.check()
    with pytest.raises(DatabaseSlow):
        silence.check()
    silence.end()
    silence.check()


async def test_while_the_database_is_silent_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SILENCE, "check", lambda: (_ for _ in ()).throw(DatabaseSlow()))
    asked: list[int] = []
    with pytest.raises(DatabaseSlow):
        await database.read(asked.append, 1)
    assert asked == []


class Asked:
    """A question that is answered when the test says so."""

    def __init__(self) -> None:
        self.count = 0
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> int:
        self.count += 1
        return await self.answer


async def test_the_same_question_is_asked_once_and_who_leaves_takes_no_answer_away() -> None:
    questions, question = Questions[int](), Asked()
    waiting = [asyncio.create_task(questions.ask("same", question)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    question.answer.set_result(7)
    assert await asyncio.gather(*waiting[1:]) == [7] * 4
    assert (question.count, waiting[0].cancelled()) == (1, True)
    assert await questions.ask("same", question) == 7
    assert question.count == 2


async def test_after_a_question_without_an_answer_others_are_told_so_at_once() -> None:
    now = 1000.0
    questions = Questions[int](lambda: now)
    failing, working = Asked(), Asked()
    failing.answer.set_exception(DatabaseError("gone"))
    working.answer.set_result(7)
    with pytest.raises(DatabaseError, match="gone"):
        await questions.ask("one", failing)
    with pytest.raises(DatabaseSlow):
        await questions.ask("two", working)
    now += SILENCE_SECONDS
    finding_out: Any = asyncio.create_task(questions.ask("two", working))
    await asyncio.sleep(0)
    assert await finding_out == 7
    assert await questions.ask("three", working) == 7
