"""Voices in the database of a test, and how what awaits them is run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile

from streaming.dispatch.executor import Executor
from streaming.engine.contract import EngineInfo, VoiceRef
from streaming.speech.voice_preparation import VoicePreparer
from voices.models import ReferenceClip, Voice

Result = TypeVar("Result")


class Roaming(Executor):
    """Starts when somebody waits for it. `run` has a new event loop each time: it reports to the one that waited last."""

    _has_started = False

    async def ready(self) -> EngineInfo:
        if not self._has_started:
            self.start()
            self._has_started = True
        self._loop = asyncio.get_running_loop()
        return await super().ready()


def run(work: Coroutine[Any, Any, Result], seconds: float = 30.0) -> Result:
    """On an event loop, as the server does it, but with the connection of this test's transaction."""

    async def wait() -> Result:
        async with asyncio.timeout(seconds):
            return await work

    return async_to_sync(wait)()


def prepare(preparer: VoicePreparer, voice: Voice, seconds: float = 30.0) -> VoiceRef:
    """And wait until what was made is stored."""

    async def prepare_and_store() -> VoiceRef:
        ref = await preparer.ref(voice)
        while not preparer.is_idle:
            await asyncio.sleep(0.01)
        return ref

    return run(prepare_and_store(), seconds)


def make_voice(voice_id: str, *contents: bytes) -> Voice:
    voice = Voice.objects.create(voice_id=voice_id, name=voice_id.title())
    for content in contents:
        clip = ReferenceClip(voice=voice, file=SimpleUploadedFile("a.wav", content))
        clip.full_clean()
        clip.save()
    return resolved(voice_id)


def resolved(voice_id: str) -> Voice:
    return Voice.objects.prefetch_related("clips").get(voice_id=voice_id)
