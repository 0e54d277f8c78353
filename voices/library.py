"""What clients may do with voices, by the same rules as the admin's forms."""

import secrets
import string
from collections.abc import Iterable, Iterator, Mapping

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext

from voices.clip_files import stored_with_rows
from voices.conf import get_config
from voices.models import ReferenceClip, Voice
from voices.reference_clips import WITH_UNITS

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


def examined(new: Iterable[ReferenceClip]) -> tuple[list[ReferenceClip], list[ValidationError]]:
    """The recordings that can be used, and what is wrong with the others. Before the transaction: they are decoded,
    which takes its time, and SQLite has one writer at once."""
    clips: list[ReferenceClip] = []
    errors: list[ValidationError] = []
    for clip in new:
        try:
            clip.full_clean(exclude={"voice"})  # which may not be stored yet
        except ValidationError as error:
            errors += [ValidationError(f"{clip.file.name}: {text}") for text in _told(error)]
        else:
            clips.append(clip)
    return clips, errors


def _told(error: ValidationError) -> Iterator[str]:
    """What is wrong with a recording, with the names of numbers that nobody would know by the sentence."""
    for name, messages in error.message_dict.items():
        label = f"{WITH_UNITS[name]}: " if name in WITH_UNITS else ""
        yield from (f"{label}{message}" for message in messages)


def check_count(voice: Voice, new: int) -> None:
    """Raises ValidationError if a voice would have too many recordings."""
    most, there = get_config().max_clips_per_voice, voice.clips.count() if voice.pk else 0
    if there + new > most:
        raise ValidationError(
            gettext(
                "A voice may have at most %(most)d recordings (voices.max_clips_per_voice); this would be %(count)d."
            )
            % {"most": most, "count": there + new}
        )


def _examined(voice: Voice, recordings: Recordings) -> list[ReferenceClip]:
    """Raises ValidationError."""
    recordings = list(recordings)
    check_count(voice, len(recordings))
    clips = []
    for recording in recordings:
        found, errors = examined([ReferenceClip(voice=voice, file=recording)])
        if errors:
            raise errors[0]
        clips += found
    return clips


def _save(voice: Voice, clips: Iterable[ReferenceClip]) -> None:
    """All of it or nothing. Raises ValidationError, FileNotStored."""
    clips = list(clips)
    voice.full_clean()
    with stored_with_rows():
        for clip in clips:
            clip.store()  # a bucket takes its time, too
        with transaction.atomic():
            voice.save()
            for clip in clips:
                clip.save()
