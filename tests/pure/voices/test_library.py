from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import Settings

from tests.pure.voices.recordings import recording
from voices.library import change_voice, create_voice
from voices.models import ReferenceClip, Voice

pytestmark = pytest.mark.django_db


def upload(name: str = "anna.wav", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content or recording())


def create(*uploads: SimpleUploadedFile, **fields: object) -> Voice:
    given = {"description": "", "labels": {}, "language": ""} | fields
    return create_voice("Anna", uploads, **given)  # type: ignore[arg-type]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_voice_has_its_recordings_and_an_id_that_addresses_can_hold() -> None:
    voice = create(upload(), upload("two.wav", recording(pitch=200)), labels={"accent": "bavarian"}, language="de")
    stored = Voice.objects.get(voice_id=voice.voice_id)
    assert stored.voice_id.isalnum()
    assert [clip.original_name for clip in stored.clips.all()] == ["anna.wav", "two.wav"]
    assert stored.category == "cloned"
    assert stored.all_labels == {"language": "de", "accent": "bavarian"}


def test_one_recording_that_cannot_be_used_means_no_voice_and_no_file(media_root: Path) -> None:
    with pytest.raises(ValidationError, match=r"noise\.wav: This file cannot be read as audio"):
        create(upload(), upload("noise.wav", b"no sound"))
    assert not Voice.objects.exists()
    assert files(media_root) == []


def test_a_recording_that_cannot_be_stored_leaves_no_other_behind(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = ReferenceClip.save

    def fail_for_the_second(clip: ReferenceClip, **options: object) -> None:
        if clip.original_name == "two.wav":
            raise OSError("the disk is full")
        save(clip, **options)

    monkeypatch.setattr(ReferenceClip, "save", fail_for_the_second)
    with pytest.raises(OSError, match="full"):
        create(upload(), upload("two.wav"))
    assert files(media_root) == []
    assert not Voice.objects.exists()


@pytest.mark.parametrize("labels", [["a"], {"a": 1}, {"a": "x" * 101}, {str(index): "x" for index in range(21)}])
def test_labels_are_a_few_short_texts(labels: object) -> None:
    with pytest.raises(ValidationError, match="labels"):
        create(upload(), labels=labels)


def test_what_is_not_given_stays_and_recordings_are_added() -> None:
    voice = create(upload(), description="Calm", labels={"accent": "bavarian"}, language="de")
    change_voice(voice, [upload("two.wav", recording(pitch=200))], name="Anne")
    stored = Voice.objects.get(pk=voice.pk)
    assert (stored.name, stored.description, stored.language) == ("Anne", "Calm", "de")
    assert stored.labels == {"accent": "bavarian"}
    assert stored.clips.count() == 2


def test_a_change_that_is_refused_changes_nothing() -> None:
    voice = create(upload())
    with pytest.raises(ValidationError):
        change_voice(voice, [upload("noise.wav", b"no sound")], name="Anne")
    assert Voice.objects.get(pk=voice.pk).name == "Anna"


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_database_while_recordings_are_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    in_transaction: list[bool] = []
    clean = ReferenceClip.clean

    def note(clip: ReferenceClip) -> None:
        in_transaction.append(connection.in_atomic_block)
        clean(clip)

    monkeypatch.setattr(ReferenceClip, "clean", note)
    change_voice(create(upload()), [upload("two.wav", recording(pitch=200))])
    assert in_transaction == [False, False]


class NoWriter(FileSystemStorage):
    """Notes whether a transaction is open while it stores."""

    in_transaction: ClassVar[list[bool]] = []

    def save(self, *args: Any, **options: Any) -> str:
        self.in_transaction.append(connection.in_atomic_block)
        return super().save(*args, **options)


@pytest.mark.django_db(transaction=True)
def test_files_are_stored_before_the_transaction(settings: Settings) -> None:
    """A bucket may take seconds, and SQLite has one writer."""
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{NoWriter.__module__}.{NoWriter.__qualname__}"}}
    create(upload())
    assert NoWriter.in_transaction == [False, False]
