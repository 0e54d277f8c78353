"""Voices in the database of a test, and how what awaits them is run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile

from voices.models import ReferenceClip, Voice

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], seconds: float = 30.0) -> Result:
    """On an event loop, as the server does it, but with the connection of this test's transaction."""

    async def wait() -> Result:
        async with asyncio.timeout(seconds):
            return await work

    return async_to_sync(wait)()


def make_voice(voice_id: str, *contents: bytes) -> Voice:
    voice = Voice.objects.create(voice_id=voice_id, name=voice_id.title())
    for content in contents:
        clip = ReferenceClip(voice=voice, file=SimpleUploadedFile("a.wav", content))
        clip.full_clean()
        clip.save()
    return resolved(voice_id)


def resolved(voice_id: str) -> Voice:
    return Voice.objects.prefetch_related("clips").get(voice_id=voice_id)
