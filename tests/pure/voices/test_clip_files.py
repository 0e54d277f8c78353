"""No file without a row, whatever goes wrong, and a command for what remains nevertheless."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from django.urls import reverse

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.full_storage import fill_after
from tests.pure.voices.recordings import recording
from tests.pure.voices.test_admin import ADD, change_form, form, text_of
from voices import clip_files
from voices.clip_files import FileNotStored, delete_file
from voices.library import create_voice
from voices.models import ReferenceClip, Voice
from voices.storage import StorageUnavailable

ORPHAN = f"{'0123' * 8}.wav"
Stored = Callable[[], list[str]]


@pytest.fixture
def stored(media_root: Path) -> Stored:
    return lambda: sorted(str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file())


def named() -> list[str]:
    return sorted(name for row in ReferenceClip.objects.values_list("file", "model_copy") for name in row)


def uploads(*names: str) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, recording(1.0 + number / 10)) for number, name in enumerate(names, 1)]


def create(*files: SimpleUploadedFile) -> Voice:
    return create_voice("Anna", files, description="", labels={}, language="")


def test_every_file_has_a_row(db: None, stored: Stored) -> None:
    create(*uploads("a.wav", "b.wav"))
    assert stored() == named()
    assert len(stored()) == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("files", range(4), ids=["first file", "first copy", "second file", "second copy"])
def test_a_disk_that_becomes_full_leaves_nothing_behind(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    fill_after(monkeypatch, files)
    with pytest.raises(FileNotStored, match="cannot be stored: No space left on device"):
        create(*uploads("a.wav", "b.wav"))
    assert (stored(), Voice.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("files", range(4))
def test_a_full_disk_is_an_error_of_the_form(
    admin_client: Client, stored: Stored, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    fill_after(monkeypatch, files)
    response = admin_client.post(ADD, form(recordings=uploads("a.wav", "b.wav")))
    name = "a.wav" if files < 2 else "b.wav"
    sentence = f"{name}: The recording cannot be stored: No space left on device."
    assert text_of(response.content).count(sentence) == 2  # in the list and beside the field
    assert (stored(), Voice.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_is_an_error_of_the_edit_and_keeps_the_copy(
    admin_client: Client, voice: Voice, add_clip: AddClip, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = add_clip(voice, recording(3.0))
    before = stored()
    fill_after(monkeypatch, 0)
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    response = admin_client.post(change, change_form(clip, **{"clips-0-gain": "-3"}))
    assert "The recording cannot be stored: No space left on device." in text_of(response.content)
    assert (stored(), ReferenceClip.objects.get().gain) == (before, 0.0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [IntegrityError("no"), OperationalError("away"), RuntimeError("a bug")], ids=repr)
def test_a_row_that_is_not_written_leaves_no_file(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ReferenceClip, "save_base", fail)
    with pytest.raises(type(error)):
        create(*uploads("a.wav"))
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_behind_the_rows_leaves_no_file(
    admin_client: Client, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the log")

    monkeypatch.setattr("django.contrib.admin.ModelAdmin.log_addition", fail)
    with pytest.raises(RuntimeError, match="the log"):
        admin_client.post(ADD, form(recording(1.5), recordings=uploads("a.wav", "b.wav")))
    assert (stored(), Voice.objects.count()) == ([], 0)


def test_a_recording_that_is_stored_alone_leaves_no_file(
    voice: Voice, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = ReferenceClip(voice=voice, file=uploads("a.wav")[0])
    clip.full_clean()
    clip.voice_id = None  # type: ignore[assignment]
    with pytest.raises(IntegrityError), transaction.atomic():
        clip.save()
    assert stored() == []


# What remains


@pytest.fixture
def orphan(media_root: Path) -> Path:
    path = media_root / "clips" / ORPHAN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 1000)
    two_days_ago = time.time() - 2 * 86_400
    os.utime(path, (two_days_ago, two_days_ago))
    return path


def remove_orphans(*options: str) -> str:
    out = io.StringIO()
    call_command("remove_orphans", *options, stdout=out)
    return out.getvalue()


def test_a_file_without_a_row_is_found_and_only_deleted_on_demand(
    voice: Voice, add_clip: AddClip, orphan: Path, stored: Stored
) -> None:
    add_clip(voice)
    report = remove_orphans()
    assert f"Found: clips/{ORPHAN}" in report
    assert "1 files (0.0 MB) belong to no recording; 0 were deleted." in report
    assert orphan.exists()
    assert "1 were deleted" in remove_orphans("--delete")
    assert stored() == named()


def test_a_young_file_may_belong_to_an_upload_that_is_going_on(db: None, orphan: Path) -> None:
    os.utime(orphan)
    assert "0 files (0.0 MB) belong to no recording" in remove_orphans("--delete")
    assert "1 were deleted" in remove_orphans("--delete", "--hours", "0")


def test_files_of_others_in_the_same_folder_are_left_alone(db: None, orphan: Path) -> None:
    theirs = orphan.rename(orphan.with_name("holiday.mp4"))
    assert "0 files (0.0 MB) belong to no recording" in remove_orphans("--delete")
    assert theirs.exists()


def test_a_storage_that_does_not_answer_is_not_asked_for_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Silent(FileSystemStorage):
        def delete(self, name: str) -> None:
            asked.append(name)
            raise StorageUnavailable("silent")

    monkeypatch.setattr(clip_files, "_away_until", 0.0)
    for name in ("a", "b", "c"):
        delete_file(Silent(), name)
    assert asked == ["a"]


def test_nothing_stored_is_nothing_found(db: None) -> None:
    assert "0 files (0.0 MB) belong to no recording" in remove_orphans("--delete")


@pytest.mark.parametrize("field", ["file", "model_copy"])
def test_a_row_without_its_file_is_reported(voice: Voice, add_clip: AddClip, media_root: Path, field: str) -> None:
    clip = add_clip(voice)
    (media_root / getattr(clip, field).name).unlink()
    report = remove_orphans("--delete")
    assert f"of recording {clip.pk} of the voice 'anna' is lost: {getattr(clip, field).name}" in report
    assert "1 files of recordings are lost." in report
    assert ReferenceClip.objects.count() == 1
