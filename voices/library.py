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


@transaction.atomic
def create_voice(
    name: str, recordings: Recordings, *, description: str, labels: Mapping[str, str], language: str
) -> Voice:
    """Raises ValidationError, of the voice or of a recording."""
    voice_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    voice = Voice(voice_id=voice_id, name=name, description=description, labels=labels, language=language)
    voice.full_clean()
    voice.save()
    _add(voice, recordings)
    return voice


@transaction.atomic
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
    voice.full_clean()
    voice.save()
    _add(voice, recordings)


def _add(voice: Voice, recordings: Recordings) -> None:
    """All of them or none."""
    clips = [ReferenceClip(voice=voice, file=recording) for recording in recordings]
    for index, clip in enumerate(clips):
        try:
            clip.full_clean()
        except ValidationError as error:
            raise ValidationError(f"{clips[index].file.name}: {error.messages[0]}") from None
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
