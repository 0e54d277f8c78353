import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import recording
from voices.models import ReferenceClip, Voice
from voices.voice_cache import VoiceCache

Stored = Callable[[], list[str]]


@pytest.fixture
def stored(media_root: Path) -> Stored:
    return lambda: sorted(path.name for path in media_root.glob("clips/*"))


def resolve(
    voice_id: str,
    unknown: Literal["refuse", "default"] = "refuse",
    allowed: set[str] | None = None,
    stand_ins: tuple[str, ...] = (),
) -> Voice | None:
    """On the event loop, as consumers ask, but with the connection of this test's transaction."""

    async def ask() -> Voice | None:
        return await VoiceCache().resolve(voice_id, unknown=unknown, allowed=allowed, stand_ins=stand_ins)

    return async_to_sync(ask)()


def test_resolves_an_enabled_voice(voice: Voice) -> None:
    assert resolve("anna") == voice


def test_an_unknown_id_is_refused(voice: Voice) -> None:
    assert resolve("bert") is None


def test_ids_are_case_sensitive(voice: Voice) -> None:
    assert resolve("Anna") is None


def test_a_disabled_voice_is_unknown(voice: Voice) -> None:
    Voice.objects.update(enabled=False)
    assert resolve("anna") is None


def test_an_unknown_id_can_mean_the_default_voice(voice: Voice) -> None:
    default = Voice.objects.create(voice_id="default", name="Default")
    assert resolve("bert", "default") == default
    assert resolve("anna", "default") == voice


def test_a_voice_that_is_not_allowed_is_unknown(voice: Voice) -> None:
    default = Voice.objects.create(voice_id="default", name="Default")
    assert resolve("anna", allowed=set()) is None
    assert resolve("anna", allowed={"anna"}) == voice
    assert resolve("anna", "default", allowed={"default"}) == default
    assert resolve("bert", "default", allowed={"anna"}) is None


def test_the_first_stand_in_that_exists_speaks(voice: Voice) -> None:
    default = Voice.objects.create(voice_id="default", name="Default")
    assert resolve("alloy", stand_ins=("nobody", "anna", "default")) == voice
    assert resolve("alloy", stand_ins=("default", "anna")) == default
    assert resolve("alloy", stand_ins=("default", "anna"), allowed={"anna"}) == voice
    assert resolve("alloy", stand_ins=("default", "anna"), allowed=set()) is None
    assert resolve("alloy", "default", stand_ins=("nobody",)) == default
    assert resolve("alloy", stand_ins=("nobody",)) is None
    assert resolve("anna", stand_ins=("default",)) == voice


def test_there_may_be_no_default_voice(voice: Voice) -> None:
    assert resolve("bert", "default") is None


def test_a_disabled_default_voice_answers_for_nobody(voice: Voice) -> None:
    Voice.objects.create(voice_id="default", name="Default", enabled=False)
    assert resolve("bert", "default") is None


@pytest.mark.parametrize("text", ["", "a b", "anna\n", "anna\x00", "../anna", "\ud800", "x" * 10_000])
def test_any_text_can_be_asked_for(voice: Voice, text: str) -> None:
    assert resolve(text) is None


def test_resolving_takes_one_query_and_one_each_for_clips_and_dictionaries(
    voice: Voice, add_clip: AddClip, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_clip(voice)
    with django_assert_num_queries(3):
        found = resolve("anna", "default")
        assert found is not None
        assert found.key


def test_the_key_is_empty_without_clips(voice: Voice) -> None:
    assert voice.key == ""


def test_the_key_does_not_depend_on_the_order_of_clips(voice: Voice, add_clip: AddClip) -> None:
    other = Voice.objects.create(voice_id="bert", name="Bert")
    high, low = recording(pitch=220), recording(pitch=90)
    for owner, content in ((voice, high), (voice, low), (other, low), (other, high)):
        add_clip(owner, content)
    assert re.fullmatch("[0-9a-f]{64}", voice.key)
    assert voice.key == other.key


def test_another_clip_is_another_key(voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice)
    before = voice.key
    add_clip(voice, recording(pitch=220))
    assert voice.key != before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("voice_id", "a b"),
        ("voice_id", "anna\n"),
        ("voice_id", "x" * 65),
        ("voice_id", ""),
        ("speed", 0.4),
        ("speed", 2.1),
        ("language", "english please"),
    ],
)
def test_a_wrong_value_is_refused_by_field(field: str, value: Any) -> None:
    voice = Voice(**{"voice_id": "anna", "name": "Anna", field: value})
    with pytest.raises(ValidationError) as refusal:
        voice.clean_fields()
    assert list(refusal.value.message_dict) == [field]


def test_ids_are_unique(voice: Voice) -> None:
    with pytest.raises(IntegrityError):
        Voice.objects.create(voice_id="anna", name="Another Anna")


def test_a_clip_is_measured_when_it_is_cleaned(voice: Voice, add_clip: AddClip) -> None:
    clip = add_clip(voice, recording(1.5))
    clip.refresh_from_db()
    assert (clip.duration_seconds, clip.sample_rate, clip.channels) == (1.5, 22_050, 1)
    assert len(clip.sha256) == 64
    assert len(clip.peaks) == 200


def test_the_uploaded_name_is_kept_but_names_no_file(voice: Voice, add_clip: AddClip) -> None:
    clip = add_clip(voice, name="Ännas große Rede.exe")
    assert clip.original_name == str(clip) == "Ännas große Rede.exe"
    assert re.fullmatch(r"clips/[0-9a-f]{32}\.wav", str(clip.file.name))


def test_a_refused_recording_is_an_error_of_its_field_and_leaves_no_file(voice: Voice, stored: Stored) -> None:
    clip = ReferenceClip(voice=voice, file=SimpleUploadedFile("a.wav", b"text"))
    with pytest.raises(ValidationError) as refusal:
        clip.full_clean()
    assert list(refusal.value.message_dict) == ["file"]
    assert stored() == []


def test_a_stored_recording_is_not_read_again(voice: Voice, add_clip: AddClip, media_root: Path) -> None:
    clip = ReferenceClip.objects.get(pk=add_clip(voice).pk)
    (media_root / str(clip.file.name)).unlink()
    clip.full_clean()
    clip.save()
    assert ReferenceClip.objects.get(pk=clip.pk).sha256 == clip.sha256


def test_deleting_a_clip_deletes_its_file(
    voice: Voice, add_clip: AddClip, stored: Stored, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    clip = add_clip(voice)
    with django_capture_on_commit_callbacks(execute=True):
        clip.delete()
        assert len(stored()) == 1
    assert stored() == []


def test_deleting_a_voice_deletes_its_files(
    voice: Voice, add_clip: AddClip, stored: Stored, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    add_clip(voice)
    add_clip(voice)
    with django_capture_on_commit_callbacks(execute=True):
        voice.delete()
    assert stored() == []


def test_replacing_a_file_deletes_the_old_one(
    voice: Voice, add_clip: AddClip, stored: Stored, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    clip = add_clip(voice)
    old = clip.sha256
    clip.file = SimpleUploadedFile("new.wav", recording(pitch=220))
    clip.full_clean()
    with django_capture_on_commit_callbacks(execute=True):
        clip.save()
    assert stored() == [str(clip.file.name).removeprefix("clips/")]
    assert clip.sha256 != old
