"""Counts that several servers have in common, in Redis: who has how many streams, and what each has used lately.

One task asks Redis for all. What is asked meanwhile waits, and goes in one round trip then, in the order in which it was
asked. So a stream's place is never given back before it is taken, and few round trips serve many clients.

A place is a lease, which this process renews once a second for all of its streams. Of a process that has died, the places
are free when their leases are over; one that has lost them, because it stood still or Redis was started again, has them
again with the next renewal.

Nobody waits for a Redis that is away: it is asked once a second by the task alone.
"""

import asyncio
import itertools
import logging
import uuid
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from streaming.access import count_scripts
from streaming.access.count_questions import Place, Question, departure, without_lost_beat

logger = logging.getLogger("streaming.access.shared_counts")

PREFIX = "xtts:"
# A sorted set: the marks of all that run -> when their leases end.
SERVERS = f"{PREFIX}servers"
BEAT_SECONDS = 1.0
# How much longer than one round trip may take: the renewal that follows a slow one is in time.
SPARE_SECONDS = 4.0
# How long one round trip may take. It is looked at several times, and not once: an event loop that stood still has heard
# nobody.
ANSWER_SECONDS = 1.0
LOOKS = 4
# Commands of one round trip, and places that one script renews.
MOST_AT_ONCE = 500
# Places that were left while Redis did not answer. More are free when their leases end.
MOST_LEFT = 10_000
_MICROSECONDS = 1_000_000


class SharedCounts:
    """One per server process. Every answer is None while Redis is away: then the process counts alone. `mark`: that of
    the installation (`other_servers`); others count apart, since their keys have the same numbers."""

    def __init__(self, url: str, *, mark: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url = url
        self._mark = mark
        self._prefix = f"{PREFIX}{mark}:"
        self._answer_seconds = answer_seconds
        self.lease_seconds = answer_seconds + SPARE_SECONDS
        self._name = uuid.uuid4().hex[:12]
        self._numbers = itertools.count()
        self._client: Any = None
        self._waiting: deque[Question] = deque()
        self._held: dict[str, Place] = {}
        self._left: dict[str, Place] = {}
        self._refusals: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_work = asyncio.Event()
        self._is_closing = False
        self.is_away = False
        self._take, self._hold = count_scripts.take_place(), count_scripts.hold_places()
        self._spend = count_scripts.spend()

    def start(self) -> None:
        """On the event loop. Before, and without it, every answer is None."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    async def close(self) -> None:
        """Give back all places, because the server ends. Takes two seconds at most."""
        if self._task is None:
            return
        for place in list(self._held.values()):
            self.leave(place)
        self._is_closing = True
        self._has_work.set()
        await asyncio.wait({self._task}, timeout=2 * self._answer_seconds)
        self._task.cancel()
        self._task = None

    def new_place(self, key_id: int) -> Place:
        return Place(f"{self._prefix}streams:{key_id}", f"{self._name}:{next(self._numbers)}")

    async def take(self, place: Place, limit: int) -> bool | None:
        """Whether the key had fewer streams than `limit`, and has this one now. None: Redis is away, and the place counts in
        this process until Redis is back."""
        command = ("EVAL", self._take, 1, place.redis_key, place.name, limit, _micro(self.lease_seconds))
        try:
            found = await self._ask(command, place)
        except asyncio.CancelledError:
            self.leave(place)
            raise
        return None if found is None else bool(found)

    def hold(self, place: Place) -> None:
        """Have this stream, however many others there are."""
        self._held[place.name] = place
        self._put(Question(self._renewal([place])))

    def leave(self, place: Place) -> None:
        self._held.pop(place.name, None)
        if self._task is None:
            return
        self._left[place.name] = place
        if len(self._left) > MOST_LEFT:
            self._left.pop(next(iter(self._left)))
        self._put(departure([place]))

    async def spend(self, subject: str, cost: float, *, window: float) -> float | None:
        """0.0: it is taken; else the seconds until it may be. Costs and the window as in `rates.Rates.take`."""
        found = await self._ask(("EVAL", self._spend, 1, self._prefix + subject, _micro(cost), _micro(window)))
        return None if found is None else found / _MICROSECONDS

    async def _ask(self, command: tuple[Any, ...], place: Place | None = None) -> int | None:
        if self._task is None or self._loop is None:
            return None
        if asyncio.get_running_loop() is not self._loop:  # a request on a thread of its own
            asking = asyncio.run_coroutine_threadsafe(self._ask(command, place), self._loop)
            return await asyncio.wrap_future(asking)
        question = Question(command, place, self._loop.create_future())
        if not self._put(question):
            if place:
                self._held[place.name] = place  # counted by the others as soon as they can be told
            return None
        return await question.answer if question.answer else None

    def _put(self, question: Question) -> bool:
        if self._task is None or self.is_away or self._is_closing:
            return False
        self._waiting.append(question)
        self._has_work.set()
        return True

    # The task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time()
        try:
            while not (self._is_closing and not self._waiting):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._has_work.wait(), max(0.0, next_beat - loop.time()))
                self._has_work.clear()
                questions = self._next_questions()
                if loop.time() >= next_beat:
                    questions += self._beat()
                    next_beat = loop.time() + BEAT_SECONDS
                if questions:
                    await self._put_to_redis(questions)
        finally:
            self._fail(())
            await self._disconnect()

    def _next_questions(self) -> list[Question]:
        questions = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
        if self._waiting:
            self._has_work.set()
        return questions

    def _beat(self) -> list[Question]:
        """Renew what is held, give back what Redis has not confirmed, and write something in any case: a Redis that only
        reads does not count."""
        held = list(self._held.values())
        renewals = [Question(self._renewal(held[n : n + MOST_AT_ONCE])) for n in range(0, len(held), MOST_AT_ONCE)]
        beat = Question(self._renewal([Place(SERVERS, self._mark)]), is_beat=True)
        return [*renewals, *self._departures(), beat]

    def _departures(self) -> list[Question]:
        by_key: dict[str, list[Place]] = {}
        for place in self._left.values():
            by_key.setdefault(place.redis_key, []).append(place)
        return [departure(places) for places in by_key.values()]

    def _renewal(self, places: list[Place]) -> tuple[Any, ...]:
        keys, names = [place.redis_key for place in places], [place.name for place in places]
        return ("EVAL", self._hold, len(places), *keys, _micro(self.lease_seconds), *names)

    async def _put_to_redis(self, questions: list[Question]) -> None:
        try:
            answers = await self._answers(questions)
        except Exception as error:
            self._lose(error)
            self._fail(questions)
            await self._disconnect()
            return
        if self.is_away:
            self.is_away = False
            for leaving in self._departures():
                self._put(leaving)
            logger.info("Redis answers again: the limits of keys are counted with the other servers")
        for question, found in zip(questions, answers, strict=True):
            if isinstance(found, Exception):
                self._note_refusal(found)
            self._settle(question, found if isinstance(found, int) else None)

    def _settle(self, question: Question, found: int | None) -> None:
        """None: Redis has not answered, or has refused."""
        if question.place and found in (1, None) and not question.is_given_up:
            self._held[question.place.name] = question.place
        if found is not None:
            for place in question.left:
                self._left.pop(place.name, None)
        question.tell(found)

    async def _answers(self, questions: list[Question]) -> list[Any]:
        """What Redis refuses has its error as an answer. Raises what the client of Redis raises, also if the beat is
        refused, TimeoutError."""
        pipeline = self._connected().pipeline(transaction=False)
        for question in questions:
            pipeline.execute_command(*question.command)
        working = asyncio.ensure_future(pipeline.execute(raise_on_error=False))
        try:
            for _ in range(LOOKS):
                done, _pending = await asyncio.wait({working}, timeout=self._answer_seconds / LOOKS)
                if done:
                    return without_lost_beat(questions, working.result())
        finally:
            await self._end(working)
        raise TimeoutError("it does not answer")

    async def _end(self, working: "asyncio.Future[list[Any]]") -> None:
        """The connection must not be closed, or used again, under somebody who still reads from it. The client of Redis may
        take a cancellation for a lost connection, and go on: it is cancelled until it has ended."""
        working.add_done_callback(_read_error)
        for _ in range(LOOKS):
            if working.done():
                return
            working.cancel()
            await asyncio.wait({working}, timeout=self._answer_seconds / LOOKS)

    def _connected(self) -> Any:
        if self._client is None:
            import redis.asyncio
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            # What was asked may have been counted: it must not be asked again.
            self._client = redis.asyncio.Redis.from_url(
                self._url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=self._answer_seconds
            )
        return self._client

    def _lose(self, error: Exception) -> None:
        if not self.is_away:
            logger.warning(
                "Redis does not count (%s): until it answers, the limits of keys are counted in this process alone",
                " ".join(str(error).split()) or type(error).__name__,
            )
        self.is_away = True

    def _note_refusal(self, error: Exception) -> None:
        """Redis counts, but not this: another program may use the name, or a right is missing."""
        sentence = " ".join(str(error).split())
        kind = f"{type(error).__name__} {sentence.partition(' ')[0]}"
        if kind not in self._refusals:
            self._refusals.add(kind)
            logger.warning("Redis refuses to count something (%s): this process counts it alone", sentence)

    def _fail(self, questions: Iterable[Question]) -> None:
        """Redis has not answered these, nor will it those that wait."""
        for question in (*questions, *self._waiting):
            self._settle(question, None)
        self._waiting.clear()

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._answer_seconds):
                    await client.aclose()


def _read_error(done: "asyncio.Future[list[Any]]") -> None:
    """asyncio would otherwise report it as never retrieved. Whoever asked has been told that Redis does not answer."""
    if not done.cancelled():
        done.exception()


def _micro(seconds: float) -> str:
    return repr(seconds * _MICROSECONDS)
