"""The copies of recordings that models read. A recording that has none, or one that is lost or of another sound, gets one
here.
"""

import asyncio
import hashlib
import logging

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import Error as DatabaseError

from voices.clip_files import delete_file
from voices.clips import MOST_COPIED_SECONDS, decode_limits
from voices.containers import container
from voices.database import write_with_file
from voices.decoding import DecoderUnavailable, Unreadable, measured_copy
from voices.plain_wav import plain_wav
from voices.reference_clips import SOUND_FIELDS, ReferenceClip, clip_limits, copy_path
from voices.storage import StorageUnavailable
from voices.survey import copy_rate

logger = logging.getLogger("voices.recordings")


class Uncopied(Exception):
    """No copy can be made. `what` and `ending`: the sentence around the name of the voice."""

    def __init__(self, what: str, ending: str) -> None:
        super().__init__(f"{what} {ending}")
        self._what, self._ending = what, ending

    def of_voice(self, voice_id: str) -> str:
        return f"{self._what} of the voice {voice_id!r} {self._ending}"


async def copied(clip: ReferenceClip) -> bytes:
    """The copy as a WAV file. Raises Uncopied."""
    if (copy := await asyncio.to_thread(_stored_copy, clip)) is not None:
        return copy
    made = await asyncio.to_thread(_made, clip)
    await write_with_file(_keep, clip, made)
    return made


def _stored_copy(clip: ReferenceClip) -> bytes | None:
    """None where one has to be made. Raises Uncopied."""
    if not clip.model_copy or clip.copy_of != clip.sound:
        return None
    try:
        with clip.model_copy.storage.open(str(clip.model_copy.name)) as file:
            copy = bytes(file.read())
    except StorageUnavailable as error:
        # Without the right to list a bucket, S3 answers this for an object that does not exist, too. If the original is
        # denied as well, that is what is told.
        if error.trouble != "denied":
            raise Uncopied("A recording", f"cannot be read: {error.reason}.") from error
        logger.warning("The copy of recording %d cannot be read, and is made again: %s", clip.pk, error.reason)
        return None
    except Exception as error:  # each storage has its own
        logger.warning("The copy of recording %d cannot be read, and is made again: %s", clip.pk, error)
        return None
    return copy if hashlib.sha256(copy).hexdigest() == clip.copy_sha256 else None


def _made(clip: ReferenceClip) -> bytes:
    """By what it was when it was uploaded: today's limits may be others."""
    content = _original(clip)
    limits, kind = clip_limits(), container(content)
    try:
        if kind is None:
            raise Unreadable(is_limit=False)
        most_sound = max(clip.duration_seconds + 1, limits.max_seconds)
        measured, sound = measured_copy(
            content, kind, decode_limits(limits, most_sound=most_sound), clip.edit, most_seconds=MOST_COPIED_SECONDS
        )
    except Unreadable:
        raise Uncopied("A recording", "cannot be decoded.") from None
    except DecoderUnavailable as error:
        raise Uncopied("A recording", f"cannot be decoded: {error}.") from error
    if not len(sound):
        raise Uncopied("A recording", "cannot be decoded.")
    return plain_wav(sound, copy_rate(measured.sample_rate))


def _original(clip: ReferenceClip) -> bytes:
    try:
        with clip.file.storage.open(str(clip.file.name)) as file:
            content = bytes(file.read())
    except Exception as error:  # each storage has its own
        raise Uncopied("A recording", f"cannot be read: {_reason(error)}.") from error
    if hashlib.sha256(content).hexdigest() != clip.sha256:
        raise Uncopied("The file of a recording", "was changed after it was uploaded.")
    return content


def _reason(error: Exception) -> str:
    """In English."""
    reason = getattr(error, "reason" if isinstance(error, StorageUnavailable) else "strerror", None)
    return str(reason or type(error).__name__)


def _keep(clip: ReferenceClip, copy: bytes) -> None:
    """Unless the recording has changed meanwhile. A copy that cannot be kept is made again the next time. In one piece: a
    file that is stored has a row, or is deleted."""
    storage, before = clip.model_copy.storage, clip.model_copy.name or ""
    if (name := _stored(storage, copy_path(clip, ""), copy)) is None:
        return
    digest = hashlib.sha256(copy).hexdigest()
    try:
        is_kept = _note(clip, before, name, digest)
    except DatabaseError as error:
        # Whether the row names it is not known: `manage.py remove_orphans` will.
        logger.warning("The copy of recording %d cannot be kept: %s", clip.pk, error)
        return
    if is_kept:
        clip.model_copy, clip.copy_of, clip.copy_sha256 = name, clip.sound, digest
    if unused := before if is_kept else name:
        delete_file(storage, unused)


def _stored(storage: Storage, name: str, copy: bytes) -> str | None:
    try:
        return storage.save(name, ContentFile(copy))
    except Exception as error:  # each storage has its own
        logger.warning("A copy of a recording cannot be stored: %s", error)
        delete_file(storage, name)  # a disk that becomes full keeps the beginning
        return None


def _note(clip: ReferenceClip, before: str, name: str, digest: str) -> bool:
    """Whether the recording is still what was copied, and has this copy now."""
    unchanged = ReferenceClip.objects.filter(
        pk=clip.pk, model_copy=before, **{field: getattr(clip, field) for field in SOUND_FIELDS}
    )
    return unchanged.update(model_copy=name, copy_of=clip.sound, copy_sha256=digest) > 0
