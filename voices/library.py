"""What clients may do with voices, by the same rules as the admin's forms."""

import secrets
import string
from collections.abc import Iterable, Mapping
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import transaction

from voices.models import ReferenceClip, Voice

ID_ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 20

Recordings = Iterable["File[bytes]"]


def create_voice(
    name: str, recordings: Recordings, *, description: str, labels: Mapping[str, str], language: str
) -> Voice:
    """Raises ValidationError, of the voice or of a recording."""
    voice_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    voice = Voice(voice_id=voice_id, name=name, description=description, labels=labels, language=language)
    _save(voice, _examined(voice, recordings))
    return voice


def change_voice(
    voice: Voice,
    recordings: Recordings = (),
    *,
    name: str | None = None,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
    language: str | None = None,
) -> None:
    """None leaves as it is; recordings are added. Raises ValidationError."""
    given = {"name": name, "description": description, "labels": labels, "language": language}
    for field, value in given.items():
        if value is not None:
            setattr(voice, field, value)
    _save(voice, _examined(voice, recordings))


def _examined(voice: Voice, recordings: Recordings) -> list[ReferenceClip]:
    """Before the transaction: they are decoded, which takes its time, and SQLite has one writer at once."""
    clips = [ReferenceClip(voice=voice, file=recording) for recording in recordings]
    for clip in clips:
        try:
            clip.full_clean(exclude={"voice"})  # which may not be stored yet
        except ValidationError as error:
            raise ValidationError(f"{clip.file.name}: {error.messages[0]}") from None
    return clips


@transaction.atomic
def _save(voice: Voice, clips: Iterable[ReferenceClip]) -> None:
    """All of it or nothing."""
    voice.full_clean()
    voice.save()
    stored: list[ReferenceClip] = []
    try:
        for clip in clips:
            clip.save()
            stored.append(clip)
    except BaseException:
        # The rows are rolled back, the files are not.
        for clip in stored:
            with suppress(OSError):
                clip.file.storage.delete(str(clip.file.name))
        raise
