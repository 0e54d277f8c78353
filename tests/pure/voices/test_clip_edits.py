"""The part of a recording that is used, its gain, and the copy that models read."""

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import RATE, encoded, recording, speech
from tests.pure.voices.test_admin import ADD, change_form, form, text_of
from voices import clip_copies
from voices.clip_copies import copied
from voices.conditioning import clip_bytes
from voices.models import ReferenceClip, Voice
from voices.reading_texts import READING_TEXTS
from voices.reference_clips import sound_name


@pytest.fixture
def clip(voice: Voice, add_clip: AddClip) -> ReferenceClip:
    return add_clip(voice, recording(8.0))


def edit(clip: ReferenceClip, **changes: Any) -> ReferenceClip:
    changed = ReferenceClip.objects.get(pk=clip.pk)
    for name, value in changes.items():
        setattr(changed, name, value)
    changed.full_clean()
    changed.save()
    return ReferenceClip.objects.get(pk=clip.pk)


def sound_of(copy: bytes) -> Any:
    return soundfile.read(io.BytesIO(copy), dtype="float32")[0]


def heard(voice: Voice) -> list[bytes]:
    found = Voice.objects.prefetch_related("clips").get(pk=voice.pk)
    return list(async_to_sync(clip_bytes)(found))


def test_models_read_the_copy_and_the_original_stays(voice: Voice, clip: ReferenceClip, media_root: Path) -> None:
    original = (media_root / str(clip.file.name)).read_bytes()
    changed = edit(clip, trim_start=1.0, trim_end=4.0, gain=-6.0)
    [copy] = heard(voice)
    assert copy == (media_root / str(changed.model_copy.name)).read_bytes()
    assert len(sound_of(copy)) == pytest.approx(3 * RATE, abs=220)
    assert np.abs(sound_of(copy)).max() == pytest.approx(0.25, abs=0.01)
    assert (media_root / str(changed.file.name)).read_bytes() == original == recording(8.0)


def test_equal_edits_of_equal_recordings_give_equal_copies(voice: Voice, add_clip: AddClip) -> None:
    one, other = (edit(add_clip(voice, recording(8.0)), trim_start=1.0, gain=-3.0) for _ in range(2))
    assert one.model_copy.name != other.model_copy.name
    assert (one.copy_sha256, one.sound) == (other.copy_sha256, other.sound)


def test_an_edit_deletes_the_copy_that_it_replaces(
    clip: ReferenceClip, media_root: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        changed = edit(clip, gain=-3.0)
    assert [path.name for path in media_root.glob("copies/*")] == [Path(str(changed.model_copy.name)).name]


@pytest.mark.parametrize("changes", [{"trim_start": 1.0}, {"trim_end": 6.0}, {"gain": -3.0}], ids=str)
def test_the_key_of_a_voice_changes_with_the_sound(
    voice: Voice, clip: ReferenceClip, changes: dict[str, float]
) -> None:
    before = voice.key
    edit(clip, **changes)
    assert Voice.objects.get().key != before
    edit(clip, trim_start=0.0, trim_end=None, gain=0.0)
    assert Voice.objects.get().key == before


def test_a_recording_that_is_used_as_it_is_keeps_the_name_of_older_versions() -> None:
    assert sound_name("abc", 44_100, 0.0, None, 0.0) == "abc"
    assert sound_name("abc", 96_000, 0.0, None, 0.0) == "abc at 48000"
    assert sound_name("abc", 44_100, 0.5, None, -3.0) == "abc 0.5 None -3.0"


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"trim_start": 9.0}, "trim_start", "The recording is only 8 s long."),
        ({"trim_start": 3.0, "trim_end": 2.0}, "trim_end", "The end must be after the start."),
        ({"trim_start": -1.0}, "trim_start", "greater than or equal to 0"),
        ({"trim_end": 0.5}, "file", "at least 1 s of speech are needed"),
        ({"gain": 9.0}, "gain", "would be clipped; at most 6 dB are possible"),
        ({"gain": 31.0}, "gain", "less than or equal to 30"),
        ({"gain": 7000.0}, "gain", "less than or equal to 30"),
        ({"trim_start": 1e305}, "trim_start", "less than or equal to 86400"),
    ],
)
def test_an_edit_that_cannot_be_is_an_error_of_its_field(
    clip: ReferenceClip, changes: dict[str, float], field: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        edit(clip, **changes)
    assert sentence in refusal.value.message_dict[field][0]


def test_an_edit_of_a_lost_recording_is_refused(clip: ReferenceClip, media_root: Path) -> None:
    (media_root / str(clip.file.name)).unlink()
    with pytest.raises(ValidationError, match="no longer exists"):
        edit(clip, gain=-3.0)


# Copies of older versions, and lost ones


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "of an older version"])
def test_a_missing_copy_is_made_again(voice: Voice, clip: ReferenceClip, media_root: Path, lost: bool) -> None:
    [before] = heard(voice)
    (media_root / str(clip.model_copy.name)).unlink()
    if not lost:
        ReferenceClip.objects.update(model_copy="", copy_of="", copy_sha256="")
    assert heard(voice) == [before]
    stored = ReferenceClip.objects.get()
    assert (media_root / str(stored.model_copy.name)).read_bytes() == before
    assert stored.copy_sha256 == clip.copy_sha256
    assert len(list(media_root.glob("copies/*"))) == 1


def test_a_copy_of_a_recording_that_is_replaced_meanwhile_is_not_kept(
    clip: ReferenceClip, media_root: Path, voice: Voice
) -> None:
    stale = ReferenceClip.objects.get()
    ReferenceClip.objects.update(model_copy="", copy_of="", sha256="0" * 64)
    stale.model_copy, stale.copy_of = "", ""
    assert async_to_sync(copied)(stale)
    assert ReferenceClip.objects.get().model_copy.name == ""
    assert [path.name for path in media_root.glob("copies/*")] == [Path(str(clip.model_copy.name)).name]


def test_a_form_that_was_read_before_keeps_a_copy_that_was_made_again(
    voice: Voice, clip: ReferenceClip, media_root: Path
) -> None:
    mine = ReferenceClip.objects.get()
    (media_root / str(clip.model_copy.name)).unlink()
    heard(voice)
    mine.full_clean()
    mine.save()
    assert [f"copies/{path.name}" for path in media_root.glob("copies/*")] == [ReferenceClip.objects.get().model_copy]


def test_a_copy_of_which_nobody_waits_any_more_has_a_row(
    voice: Voice, clip: ReferenceClip, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go = threading.Event(), threading.Event()

    def stored_slowly(*args: Any) -> str | None:
        name = stored(*args)
        begun.set()
        may_go.wait()
        return name

    async def hang_up() -> None:
        asking = asyncio.create_task(copied(lost))
        await asyncio.to_thread(begun.wait)
        asking.cancel()
        may_go.set()
        await asyncio.wait({asking})
        await sync_to_async(bool)()  # after what that thread still does

    stored = clip_copies._stored
    monkeypatch.setattr(clip_copies, "_stored", stored_slowly)
    (media_root / str(clip.model_copy.name)).unlink()
    lost = ReferenceClip.objects.get()
    async_to_sync(hang_up)()
    assert [f"copies/{path.name}" for path in media_root.glob("copies/*")] == [ReferenceClip.objects.get().model_copy]


# The form


def test_several_recordings_are_added_at_once(admin_client: Client) -> None:
    files = [SimpleUploadedFile(f"{seconds}.wav", recording(seconds)) for seconds in (1.5, 2.0, 2.5)]
    response = admin_client.post(ADD, form(recordings=files))
    assert response.status_code == 302, text_of(response.content)
    assert [clip.original_name for clip in ReferenceClip.objects.all()] == ["1.5.wav", "2.0.wav", "2.5.wav"]


def test_each_of_several_recordings_that_is_refused_is_named_twice(admin_client: Client) -> None:
    uploads = {"a.wav": b"text", "b.wav": recording(), "c.wav": recording(0.5)}
    files = [SimpleUploadedFile(name, content) for name, content in uploads.items()]
    page = text_of(admin_client.post(ADD, form(recordings=files)).content)
    assert page.count("a.wav: This file cannot be read as audio.") == 2
    assert page.count("c.wav: The recording is 0.5 s long") == 2
    assert "b.wav:" not in page
    assert not Voice.objects.exists()


def test_too_many_recordings_are_an_error_of_the_form(
    admin_client: Client, settings: Settings, voice: Voice, clip: ReferenceClip
) -> None:
    settings.XTTS = {"voices": {"max_clips_per_voice": 2}}
    files = [SimpleUploadedFile(f"{number}.wav", recording(1.5)) for number in range(2)]
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    page = text_of(admin_client.post(change, change_form(clip, recordings=files)).content)
    assert "A voice may have at most 2 recordings (voices.max_clips_per_voice); this would be 3." in page
    assert ReferenceClip.objects.count() == 1


def test_an_edit_is_saved_with_the_form(admin_client: Client, voice: Voice, clip: ReferenceClip) -> None:
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    rows = {"clips-0-trim_start": "1.5", "clips-0-trim_end": "7", "clips-0-gain": ""}
    assert admin_client.post(change, change_form(clip, **rows)).status_code == 302
    stored = ReferenceClip.objects.get()
    assert (stored.trim_start, stored.trim_end, stored.gain) == (1.5, 7.0, 0.0)
    assert stored.speech_seconds == pytest.approx(5.5, abs=0.02)
    assert "5.5 s of speech are used" in text_of(admin_client.get(change).content)


def test_what_is_said_of_a_recording_stands_beside_it(admin_client: Client, voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice, encoded(speech(2.0) * 0.1, subtype="PCM_24"))
    page = text_of(admin_client.get(reverse("admin:voices_voice_change", args=[voice.pk])).content)
    assert "It is quiet: the speech has a level of" in page


def test_there_is_a_text_to_read_in_each_language_of_xtts(admin_client: Client) -> None:
    assert len(READING_TEXTS) == 17
    assert {"en", "ru", "zh-cn"} <= set(READING_TEXTS)
    page = admin_client.get(ADD).content.decode()
    assert all(f'<blockquote lang="{code}"' in page for code in READING_TEXTS)


def test_scripts_are_given_numbers_as_scripts_write_them(
    admin_client: Client, settings: Settings, voice: Voice, clip: ReferenceClip
) -> None:
    """In Russian, 90.5 is 90,5."""
    settings.XTTS = {"voices": {"max_clip_seconds": 90.5}}
    edit(clip, trim_start=1.5)
    change = reverse("admin:voices_voice_change", args=[voice.pk])
    page = admin_client.get(change, headers={"Accept-Language": "ru"}).content.decode()
    assert "Прочитайте это вслух" in page
    assert all(f'data-{name}"' in page for name in ('most-seconds="90.5', 'most-bytes="20971520', 'seconds="8.000'))
    assert 'name="clips-0-trim_start" value="1.5"' in page
