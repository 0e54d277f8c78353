"""A voice as the engine is sent it: looked up, or prepared from its recordings, as soon as a client connects."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal

from django.db import Error as DatabaseError

from streaming.dispatch.executor import Executor
from streaming.dispatch.shared_calls import SharedCalls
from streaming.engine.contract import EngineInfo, VoiceRef
from streaming.errors import (
    VOICE_NOT_FOUND,
    DatabaseUnavailable,
    EngineFailed,
    EngineUnavailable,
    ProtocolError,
    VoiceUnusable,
    unknown_voice,
)
from streaming.measures.speech_figures import SpeechFigures
from streaming.speech.conditioning_store import ConditioningStore
from streaming.speech.language import LanguageChooser
from streaming.speech.speaking_rates import SpeakingRates
from voices.conditioning import (
    RecordingsUnusable,
    clip_bytes,
    is_conditioned,
    store_conditioning,
    stored_conditioning,
)
from voices.database import read
from voices.models import Voice
from voices.voice_cache import VoiceCache

logger = logging.getLogger("streaming.voices")

# Conditioning in memory, about 130 KB each: a new connection need not ask the database for a voice that is in use.
MOST_KEPT = 32
# How many voices, whose recordings have megabytes each, are read and prepared at the same time. The others wait.
AT_ONCE = 4


async def find_voice(
    voices: VoiceCache,
    voice_id: str,
    *,
    unknown: Literal["refuse", "default"],
    allowed: Collection[str] | None,
    stand_ins: Sequence[str] = (),
) -> Voice:
    """The voice of that id, with its clips, by the rules of `VoiceCache.resolve`. Raises ProtocolError,
    DatabaseUnavailable."""
    try:
        voice = await voices.resolve(voice_id, unknown=unknown, allowed=allowed, stand_ins=stand_ins)
    except DatabaseError:
        raise DatabaseUnavailable from None
    if voice is None:
        raise ProtocolError(VOICE_NOT_FOUND, unknown_voice(voice_id))
    return voice


class VoicePreparer:
    """All voices of this server process. Equal recordings that are asked for at the same time are prepared once.

    `languages` chooses what an engine is told to speak with them, and `rates` knows how fast they have spoken.
    """

    def __init__(self, executor: Executor, figures: SpeechFigures | None = None) -> None:
        self._figures = figures or SpeechFigures()
        self.languages = LanguageChooser()
        self.rates = SpeakingRates()
        self._executor = executor
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._calls: SharedCalls[bytes] = SharedCalls()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._store = ConditioningStore(store_conditioning)

    @property
    def is_idle(self) -> bool:
        return not self._calls and not self._store

    async def close(self) -> None:
        """Store what has been made, because the server ends. Takes a few seconds at most."""
        await self._store.close()

    def begin(self, voice: Voice) -> "VoicePreparation":
        """Start to prepare the voice, whose clips are loaded."""
        return VoicePreparation(self, self._executor, voice)

    async def ref(self, voice: Voice) -> VoiceRef:
        """The voice as requests carry it. Waits for an engine that is ready. Raises EngineFailed, EngineUnavailable,
        VoiceUnusable."""
        info = await self._executor.ready()
        if not info.clones:
            if voice.key:
                logger.info("Voice %s: the engine %s cannot clone, so it uses its own voice", voice.voice_id, info.name)
            return VoiceRef(voice.key)
        if not voice.key:
            return VoiceRef(speaker=voice.name)
        return VoiceRef(voice.key, conditioning=await self._conditioning(voice, info))

    async def is_prepared(self, voice: Voice, fingerprint: str) -> bool:
        """For all processes. Raises DatabaseError."""
        return await is_conditioned(voice.key, fingerprint)

    async def prepare(self, voice: Voice, fingerprint: str) -> None:
        """For whoever asks for it later, in any process: it is stored then. Raises EngineFailed, EngineUnavailable,
        VoiceUnusable; DatabaseError where it is made, but cannot be stored now."""
        await self._calls.get((voice.key, fingerprint), partial(self._find_or_make, voice, fingerprint))
        await self._store.written(voice.key, fingerprint)

    async def _conditioning(self, voice: Voice, info: EngineInfo) -> bytes:
        name = (voice.key, info.fingerprint)
        if name not in self._kept:
            self._kept[name] = await self._calls.get(name, partial(self._find_or_make, voice, info.fingerprint))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    async def _find_or_make(self, voice: Voice, fingerprint: str) -> bytes:
        made = self._store.get(voice.key, fingerprint) or await _stored(voice.key, fingerprint)
        if made is not None:
            self._figures.preparations["found"] += 1
            return made
        began = time.monotonic()
        try:
            made = await self._make(voice)
        except (EngineFailed, VoiceUnusable) as error:
            if isinstance(error, VoiceUnusable) and await _has_changed(voice):
                logger.info("Voice %s was deleted or changed while it was prepared", voice.voice_id)
                raise
            self._figures.preparations["failed" if isinstance(error, EngineFailed) else "unusable"] += 1
            logger.error("Voice %s cannot be prepared: %s", voice.voice_id, error)
            raise
        self._figures.preparations["computed"] += 1
        self._figures.preparation_seconds.add(time.monotonic() - began)
        self._store.keep(voice.key, fingerprint, made)
        logger.info("Voice %s is prepared", voice.voice_id)
        return made

    async def _make(self, voice: Voice) -> bytes:
        try:
            async with self._room:
                return await self._executor.prepare(VoiceRef(voice.key, await clip_bytes(voice)))
        except RecordingsUnusable as error:
            raise VoiceUnusable(str(error), may_pass=error.may_pass) from None
        except EngineFailed as error:
            reason = str(error)
        # Raised outside of the handler: connections keep this error, and the traceback of the first one would keep the
        # recordings in memory.
        raise EngineFailed(f"The voice {voice.voice_id!r} cannot be prepared: {reason}")


class VoicePreparation:
    """One connection's voice, from connecting to its end."""

    def __init__(self, preparer: VoicePreparer, executor: Executor, voice: Voice) -> None:
        self._preparer = preparer
        self._executor = executor
        self.voice = voice
        self._task = self._begin()

    async def ref(self) -> VoiceRef:
        """Waits until the voice is prepared, but not for an engine that is away. Raises what `VoicePreparer.ref` raises."""
        if not self._executor.status.is_ready:
            raise EngineUnavailable("The speech engine is not ready; try again shortly.")
        if self._has_failed:
            # Nobody has been told of this failure, and its cause may be over: the engine may have come back.
            self._task = self._begin()
        # Shielded: a context that is stopped must not cancel the preparation for the connection's other contexts.
        return await asyncio.shield(self._task)

    def cancel(self) -> None:
        self._task.cancel()

    @property
    def _has_failed(self) -> bool:
        return self._task.done() and not self._task.cancelled() and self._task.exception() is not None

    def _begin(self) -> "asyncio.Task[VoiceRef]":
        task = asyncio.create_task(self._preparer.ref(self.voice))
        # Reads the failure, which asyncio would otherwise report as never retrieved where no text asks for the voice.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task


async def _has_changed(voice: Voice) -> bool:
    """Whether it no longer has these recordings, whose files are gone with them."""
    try:
        now = await read(Voice.objects.filter(pk=voice.pk).prefetch_related("clips").first)
        return now is None or now.key != voice.key
    except DatabaseError:
        return False


async def _stored(key: str, fingerprint: str) -> bytes | None:
    try:
        return await stored_conditioning(key, fingerprint)
    except DatabaseError:
        logger.warning("Stored conditioning cannot be read from the database; the voice is prepared again")
        return None
