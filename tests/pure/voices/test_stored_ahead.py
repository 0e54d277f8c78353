"""A form stores its files before its transaction; two people who change one recording at once leave no file behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import recording
from tests.pure.voices.test_admin import ADD, change_form, form, text_of
from tests.pure.voices.test_clip_files import named, uploads
from voices.clip_files import Overtaken
from voices.examining import refuse
from voices.models import ReferenceClip, Voice
from voices.reference_clips import EDIT_FIELDS, read_upload

pytestmark = pytest.mark.django_db(transaction=True)

# The numbers that nobody has changed, as the page sends them: for two new recordings, and for a row.
EMPTY = {f"recordings-{name}": ["", ""] for name in EDIT_FIELDS}
EMPTY_ROW = {f"clips-0-{name}": "" for name in EDIT_FIELDS}


@pytest.fixture
def stored(media_root: Path) -> Callable[[], list[str]]:
    return lambda: sorted(str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file())


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each file that is stored from now on: whether a transaction waited for it."""
    noted: list[bool] = []
    disk: Any = FileSystemStorage
    save = disk._save

    def note(storage: FileSystemStorage, name: str, content: Any) -> Any:
        noted.append(connection.in_atomic_block)
        return save(storage, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", note)
    return noted


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The uploads that are looked into from now on."""
    noted: list[object] = []

    def note(upload: Any, edit: Any) -> Any:
        noted.append(upload)
        return read_upload(upload, edit)

    monkeypatch.setattr("voices.voice_form.read_upload", note)
    return noted


def test_no_transaction_waits_for_the_files_of_a_new_voice(
    admin_client: Client, within: list[bool], stored: Callable[[], list[str]]
) -> None:
    response = admin_client.post(ADD, form(recording(1.5), **EMPTY_ROW, recordings=uploads("a.wav", "b.wav"), **EMPTY))
    assert response.status_code == 302, text_of(response.content)
    assert within == [False] * 6
    assert stored() == named()


def test_no_transaction_waits_for_the_files_of_a_change(
    admin_client: Client, voice: Voice, add_clip: AddClip, within: list[bool], stored: Callable[[], list[str]]
) -> None:
    clip = add_clip(voice, recording(3.0))
    within.clear()
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    assert admin_client.post(change, change_form(clip, **{"clips-0-gain": "-3"})).status_code == 302
    replaced = change_form(clip, **{"clips-0-gain": "-3", "clips-0-file": uploads("new.wav")[0]})
    assert admin_client.post(change, replaced).status_code == 302
    assert admin_client.post(change, change_form(clip, **EMPTY_ROW)).status_code == 302
    assert within == [False] * 4
    assert (stored(), len(named())) == (named(), 2)


def test_a_form_that_fails_keeps_no_file(
    admin_client: Client, voice: Voice, within: list[bool], stored: Callable[[], list[str]]
) -> None:
    response = admin_client.post(ADD, form(voice_id=voice.voice_id, recordings=uploads("a.wav")))
    assert "Voice with this Voice ID already exists." in text_of(response.content)
    assert (stored(), within) == ([], [False, False])


def test_nothing_is_stored_if_one_recording_is_refused(admin_client: Client, within: list[bool]) -> None:
    short = SimpleUploadedFile("short.wav", recording(0.1))
    assert "at least" in text_of(admin_client.post(ADD, form(recordings=[*uploads("a.wav"), short])).content)
    assert within == []


def test_nothing_is_stored_for_who_may_not_change_voices(
    client: Client, voice: Voice, within: list[bool], decoded: list[object]
) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__endswith="_referenceclip"))
    client.force_login(staff)
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    assert [client.post(page, form(recordings=uploads("a.wav"))).status_code for page in (ADD, change)] == [403, 403]
    assert (within, decoded) == ([], [])


def replacing(clip: ReferenceClip, name: str, seconds: float) -> ReferenceClip:
    """The recording as somebody has it who is about to replace it."""
    mine = ReferenceClip.objects.get(pk=clip.pk)
    mine.file = SimpleUploadedFile(name, recording(seconds))
    mine.full_clean()
    return mine


def test_two_who_replace_a_recording_at_once_leave_one_of_them(
    voice: Voice, add_clip: AddClip, stored: Callable[[], list[str]]
) -> None:
    clip = add_clip(voice)
    first, second = replacing(clip, "first.wav", 1.5), replacing(clip, "second.wav", 2.0)
    first.save()
    second.save()
    assert (stored(), len(stored())) == (named(), 2)
    assert ReferenceClip.objects.get().original_name == "second.wav"


def test_a_change_of_a_recording_that_was_replaced_meanwhile_is_refused(
    voice: Voice, add_clip: AddClip, stored: Callable[[], list[str]]
) -> None:
    clip = add_clip(voice, recording(3.0))
    mine = ReferenceClip.objects.get(pk=clip.pk)
    mine.gain = -3.0
    mine.full_clean()
    replacing(clip, "other.wav", 2.0).save()
    with pytest.raises(Overtaken, match="Somebody else has just replaced this recording"):
        mine.save()
    assert (stored(), len(stored()), ReferenceClip.objects.get().original_name) == (named(), 2, "other.wav")


def test_a_recording_that_was_deleted_meanwhile_does_not_come_back(
    voice: Voice, add_clip: AddClip, stored: Callable[[], list[str]]
) -> None:
    clip = add_clip(voice)
    mine = replacing(clip, "mine.wav", 2.0)
    ReferenceClip.objects.get().delete()
    with pytest.raises(Overtaken):
        mine.save()
    assert (stored(), ReferenceClip.objects.count()) == ([], 0)


def test_who_is_overtaken_is_told_so_beside_the_recording(
    admin_client: Client, voice: Voice, add_clip: AddClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = add_clip(voice, recording(3.0))
    monkeypatch.setattr(ReferenceClip, "_locked", lambda mine, *_: _overtake(mine))
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    page = text_of(admin_client.post(change, change_form(clip, **{"clips-0-gain": "-3"})).content)
    assert page.count("Somebody else has just replaced this recording.") == 2  # in the list and beside the field


def test_who_is_overtaken_by_the_same_edit_of_another_recording_is_told_so(
    admin_client: Client, voice: Voice, add_clip: AddClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = add_clip(voice, recording(3.0))
    monkeypatch.setattr(ReferenceClip, "_locked", lambda mine, *_: _overtake(mine))

    def refuse_then(*args: Any) -> None:
        monkeypatch.undo()
        other = replacing(clip, "other.wav", 2.0)
        other.gain = -3.0
        other.full_clean()
        other.save()
        refuse(*args)

    monkeypatch.setattr("voices.examining_admin.refuse", refuse_then)
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    page = text_of(admin_client.post(change, change_form(clip, name="Anne", **{"clips-0-gain": "-3"})).content)
    assert "Somebody else has just replaced this recording." in page
    assert Voice.objects.get().name == "Anna"


def _overtake(clip: ReferenceClip) -> None:
    raise Overtaken((clip.pk, clip.edit))


def test_a_voice_takes_no_more_recordings_by_rows_than_it_may_have(
    admin_client: Client, settings: Any, within: list[bool]
) -> None:
    settings.XTTS = {"voices": {"max_clips_per_voice": 2}}
    response = admin_client.post(ADD, form(*[recording(1.5)] * 3))
    assert (response.status_code, within, Voice.objects.count()) == (200, [], 0)
