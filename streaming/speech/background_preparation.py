"""Voices are prepared when their recordings change, and not only when somebody wants to hear them.

One at a time, beside what clients wait for; what several servers with the same engine would do, one of them does. What was
there before the server began is prepared only while nobody speaks.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from django.db import Error as DatabaseError

from streaming.dispatch.executor import Executor
from streaming.errors import EngineUnavailable, SpeechError, VoiceUnusable
from streaming.speech.voice_preparation import VoicePreparer
from voices import preparation
from voices.database import read, write
from voices.models import Voice

logger = logging.getLogger("streaming.voices")

# In place of a voice's primary key: no voice has it.
ANY = 0
# While another server computes, or the database is away.
LOOK_AGAIN_SECONDS = 2.0
# After failures: recordings that an engine refuses are refused again; a storage comes back.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
MOST_TRIES = 3
# While somebody speaks.
IDLE_AGAIN_SECONDS = 0.5
RENEW_SECONDS = preparation.LEASE_SECONDS / 3


@dataclass
class _Due:
    """When a voice is looked at, and how often that has failed. `may_be_claimed`: by a run of this server
    whose end could not be written."""

    at: float
    failures: int = 0
    may_be_claimed: bool = False
    has_changed: bool = False


class BackgroundPreparation:
    """Of one server process. Belongs to the event loop, but for `note`, which any thread may call once it has begun."""

    def __init__(self, preparer: VoicePreparer, executor: Executor) -> None:
        self._preparer = preparer
        self._executor = executor
        self._owner = uuid.uuid4().hex
        self._due: dict[int, _Due] = {}
        # Those that nobody has changed just now.
        self._rest: deque[int] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the engine wants to know of changes."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    def note(self, pks: frozenset[int] | None) -> None:
        """These voices have changed; None: any."""
        if self._loop and self.is_needed:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._add, pks)

    def _add(self, pks: frozenset[int] | None) -> None:
        for pk in (ANY,) if pks is None else pks:
            self._due[pk] = _Due(_now(), has_changed=True)
        self._wake.set()

    async def _run(self) -> None:
        info = await self._executor.ready()
        if not info.clones:
            return
        self._add(None)
        while True:
            pk = await self._next()
            due = self._due.pop(pk, _Due(_now()))
            try:
                await (self._add_all() if pk == ANY else self._prepare(pk, info.fingerprint, due))
            except EngineUnavailable:
                await self._executor.ready()
                self._put_off(pk, _Due(_now(), due.failures))
            except DatabaseError:
                self._put_off(pk, _Due(_now() + LOOK_AGAIN_SECONDS, due.failures, may_be_claimed=True))
            except _Failed as failed:
                self._put_off_after(failed, pk, due.failures)
            except Exception:
                logger.exception("A voice cannot be prepared in the background")
                self._put_off_after(_Failed(may_pass=True), pk, due.failures)

    async def _next(self) -> int:
        """The voice that is due first, when it is; else one of the rest, when nobody speaks."""
        while True:
            self._wake.clear()
            first = min(self._due, key=lambda pk: self._due[pk].at, default=None)
            wait = None if first is None else self._due[first].at - _now()
            if first is not None and wait is not None and wait <= 0:
                return first
            if self._rest:
                if not self._executor.status.running:
                    return self._rest.popleft()
                wait = IDLE_AGAIN_SECONDS if wait is None else min(wait, IDLE_AGAIN_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _put_off(self, pk: int, due: _Due) -> None:
        """Unless it has changed meanwhile, and is due by that."""
        self._due.setdefault(pk, due)

    def _put_off_after(self, failed: "_Failed", pk: int, failures: int) -> None:
        if failed.may_pass or failures + 1 < MOST_TRIES:
            wait = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            self._put_off(pk, _Due(_now() + wait, failures + 1))

    async def _add_all(self) -> None:
        self._rest = deque(await read(_pks))

    async def _prepare(self, pk: int, fingerprint: str, due: _Due) -> None:
        """Raises EngineUnavailable, DatabaseError, _Failed."""
        voice = await read(_voice, pk)
        if voice is None or not voice.key:
            return
        if await self._preparer.is_prepared(voice, fingerprint):
            if due.may_be_claimed:
                await write(preparation.finish, voice.key, fingerprint, self._owner)
            return
        # Tried again by whoever has found it, and after a change, but not by each process at each start: a recording that
        # ends an engine ends it for everybody who speaks.
        if not (due.failures or due.has_changed) and await read(preparation.has_failed, voice.key, fingerprint):
            return
        if not await write(preparation.claim, voice.key, fingerprint, self._owner):
            self._put_off(pk, _Due(_now() + LOOK_AGAIN_SECONDS, due.failures))
            return
        async with self._saying_so(voice, fingerprint):
            await self._preparer.prepare(voice, fingerprint)

    @asynccontextmanager
    async def _saying_so(self, voice: Voice, fingerprint: str) -> AsyncIterator[None]:
        """Others see that it is computed here, and what has become of it. Raises _Failed."""
        run = (voice.key, fingerprint, self._owner)
        renewing = asyncio.create_task(_renew(*run))
        try:
            yield
        except (EngineUnavailable, DatabaseError, asyncio.CancelledError):
            with suppress(DatabaseError):
                await write(preparation.finish, *run)
            raise
        except Exception as error:
            failed, reason = _failure(error, voice)
            await write(preparation.fail, *run, reason, failed.may_pass)
            raise failed from None
        finally:
            renewing.cancel()
        await write(preparation.finish, *run)


class _Failed(Exception):
    """It is known to all that it has. `may_pass`: the cause may go by itself."""

    def __init__(self, *, may_pass: bool) -> None:
        super().__init__()
        self.may_pass = may_pass


def _failure(error: Exception, voice: Voice) -> tuple[_Failed, str]:
    """And its reason, which is shown where the voice is named."""
    if not isinstance(error, SpeechError):
        logger.exception("The voice %s cannot be prepared", voice.voice_id)
        return _Failed(may_pass=True), f"An error of this server ({type(error).__name__}), which is in its log."
    may_pass = isinstance(error, VoiceUnusable) and error.may_pass
    return _Failed(may_pass=may_pass), str(error).rpartition(f"{voice.voice_id!r} cannot be prepared: ")[2]


async def _renew(key: str, fingerprint: str, owner: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(DatabaseError):
            await write(preparation.renew, key, fingerprint, owner)


def _pks() -> list[int]:
    return list(Voice.objects.filter(enabled=True, clips__isnull=False).distinct().values_list("pk", flat=True))


def _voice(pk: int) -> Voice | None:
    return Voice.objects.filter(enabled=True, pk=pk).prefetch_related("clips").first()


def _now() -> float:
    return asyncio.get_running_loop().time()
