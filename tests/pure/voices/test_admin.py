"""The admin as a person uses it: forms posted, pages read."""

import html
import re
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.muxing import muxed
from tests.pure.voices.recordings import RATE, encoded, recording, speech
from voices import reference_clips
from voices.clips import read_clip
from voices.models import ReferenceClip, Voice

ADD = "/admin/voices/voice/add/"
LIST = "/admin/voices/voice/"


def form(*uploads: bytes | None, **changes: Any) -> dict[str, Any]:
    """What a browser posts for a new voice with one row per upload; None is a row left empty."""
    rows = {
        f"clips-{index}-file": SimpleUploadedFile("anna.wav", content)
        for index, content in enumerate(uploads)
        if content is not None
    }
    management = {"clips-TOTAL_FORMS": len(uploads), "clips-INITIAL_FORMS": 0}
    fields = {"voice_id": "anna", "name": "Anna", "description": "", "enabled": "on", "language": "de", "speed": ""}
    return fields | management | rows | changes


def change_form(clip: ReferenceClip, **changes: Any) -> dict[str, Any]:
    """What a browser posts for a stored voice with one clip."""
    row = {"clips-INITIAL_FORMS": 1, "clips-0-id": clip.pk, "clips-0-voice": clip.voice_id}
    return form(None, **row) | changes


def text_of(page: bytes) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", page.decode()))


@pytest.fixture
def clip(voice: Voice, add_clip: AddClip) -> ReferenceClip:
    return add_clip(voice, recording(1.5))


@pytest.fixture
def change(voice: Voice) -> str:
    return reverse("admin:voices_voice_change", args=[voice.pk])


def test_a_voice_is_made_with_its_recordings(admin_client: Client) -> None:
    response = admin_client.post(ADD, form(recording(1.5), recording(2.0, pitch=220), None))
    assert response.status_code == 302, text_of(response.content)
    voice = Voice.objects.get(voice_id="anna")
    assert [clip.duration_seconds for clip in voice.clips.all()] == [1.5, 2.0]
    assert (voice.language, voice.speed, voice.enabled) == ("de", None, True)


@pytest.mark.parametrize(
    ("upload", "sentence"),
    [
        (b"this is a text, not a recording\n" * 100, "This file cannot be read as audio. Save the recording as WAV"),
        (encoded(np.zeros(2 * RATE)), "The recording is silent"),
        (recording(0.2), "The recording is 0.2 s long; at least 1 s are needed."),
        (b"", "The submitted file is empty."),
    ],
    ids=["text", "silence", "short", "empty"],
)
def test_a_refused_recording_is_explained_on_the_page(admin_client: Client, upload: bytes, sentence: str) -> None:
    response = admin_client.post(ADD, form(upload))
    assert response.status_code == 200
    assert sentence in text_of(response.content)
    assert not Voice.objects.exists()


def test_the_limits_are_those_of_the_settings(admin_client: Client, settings: Settings) -> None:
    settings.XTTS = {"voices": {"max_clip_seconds": 1.5}}
    response = admin_client.post(ADD, form(recording(2.0)))
    assert "at most 1.5 s are allowed" in text_of(response.content)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("voice_id", "a b", "Use only letters, digits, - and _"), ("speed", "3", "less than or equal to 2.0")],
)
def test_a_wrong_field_is_explained_on_the_page(admin_client: Client, field: str, value: str, sentence: str) -> None:
    response = admin_client.post(ADD, form(**{field: value}))
    assert sentence in text_of(response.content)


def test_the_page_says_what_makes_a_good_recording(admin_client: Client) -> None:
    assert "6 to 30 seconds of clean speech" in text_of(admin_client.get(ADD).content)


def test_a_recording_is_shown_with_player_waveform_and_facts(
    admin_client: Client, change: str, clip: ReferenceClip
) -> None:
    page = admin_client.get(change).content.decode()
    player = f'<audio controls preload="none" src="/admin/voices/voice/clips/{clip.pk}/audio"></audio>'
    assert player in page
    assert re.search(r'<svg [^>]*><path d="M0 [\d.]+V[\d.]+ M1 ', page)
    assert "1.5 s" in page
    assert "22050 Hz, mono" in page


def test_a_recording_that_browsers_do_not_play_can_be_saved(
    admin_client: Client, change: str, voice: Voice, add_clip: AddClip
) -> None:
    content = muxed("3gp", "libopencore_amrnb", speech(2.0, rate=8_000), rate=8_000)
    clip = add_clip(voice, content, "message.3gp")
    page = admin_client.get(change).content.decode()
    assert f'<a href="/admin/voices/voice/clips/{clip.pk}/audio" download>Save the 3GP file</a>' in page
    assert f'src="/admin/voices/voice/clips/{clip.pk}/audio"' not in page
    saved = admin_client.get(f"/admin/voices/voice/clips/{clip.pk}/audio")
    assert (saved["Content-Type"], saved.content) == ("video/3gpp", content)


def test_a_recording_links_to_no_public_address(admin_client: Client, change: str, clip: ReferenceClip) -> None:
    assert str(clip.file.name) not in admin_client.get(change).content.decode()


@pytest.mark.parametrize("rights", [{"view"}, {"view", "add"}, {"add"}, {"view", "change"}, {"view", "add", "change"}])
def test_a_file_is_chosen_by_those_who_may_change_recordings(
    client: Client, change: str, clip: ReferenceClip, rights: set[str]
) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    codenames = ["change_voice", *(f"{right}_referenceclip" for right in rights)]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    page = client.get(change).content.decode()
    assert (str(clip.file) in page, 'type="file"' in page) == (False, bool({"add", "change"} & rights))
    assert client.post(change, change_form(clip, name="Anne")).status_code == 302
    assert (Voice.objects.get().name, ReferenceClip.objects.get().sha256) == ("Anne", clip.sha256)


def test_the_uploaded_name_is_shown_as_text(admin_client: Client, change: str, voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice, name="<b>anna&.wav")
    page = admin_client.get(change).content.decode()
    assert "&lt;b&gt;anna&amp;.wav" in page
    assert "<b>anna" not in page


def test_saving_without_a_new_file_keeps_the_recording(admin_client: Client, change: str, clip: ReferenceClip) -> None:
    clip.file.storage.delete(str(clip.file.name))  # reading it would fail
    response = admin_client.post(change, change_form(clip, name="Anne"))
    assert response.status_code == 302, text_of(response.content)
    assert ReferenceClip.objects.get().sha256 == clip.sha256
    assert Voice.objects.get().name == "Anne"


def test_a_recording_is_replaced(admin_client: Client, change: str, clip: ReferenceClip) -> None:
    upload = SimpleUploadedFile("new.wav", recording(3.0))
    admin_client.post(change, change_form(clip, **{"clips-0-file": upload}))
    assert ReferenceClip.objects.get().duration_seconds == 3.0


def test_a_recording_is_deleted(admin_client: Client, change: str, clip: ReferenceClip) -> None:
    admin_client.post(change, change_form(clip, **{"clips-0-DELETE": "on"}))
    assert not ReferenceClip.objects.exists()


def test_the_list_shows_how_much_is_recorded(admin_client: Client, voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice, recording(1.5))
    add_clip(voice, recording(2.0))
    page = admin_client.get(LIST).content.decode()
    assert '<td class="field-recordings">2</td>' in page
    assert '<td class="field-total_length">3.5 s</td>' in page


def test_voices_are_switched_off_in_the_list(admin_client: Client, voice: Voice) -> None:
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": voice.pk, "_save": "Save"}
    admin_client.post(LIST, rows)
    assert not Voice.objects.get().enabled


@pytest.mark.parametrize(("query", "found"), [("q=ann", True), ("q=bert", False), ("language__exact=de", False)])
def test_voices_are_searched_and_filtered(admin_client: Client, voice: Voice, query: str, found: bool) -> None:
    assert (voice.name in text_of(admin_client.get(f"{LIST}?{query}").content)) is found


def test_the_site_has_its_name(admin_client: Client) -> None:
    assert "XTTS streaming server" in admin_client.get("/admin/").content.decode()


def test_pages_hold_no_script_of_their_own(admin_client: Client, change: str, clip: ReferenceClip) -> None:
    page = admin_client.get(change).content.decode()
    assert not re.search(r"\son\w+=", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.django_db(transaction=True)
def test_recordings_are_decoded_once_and_before_the_transaction(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer at a time, and everybody else would wait until the last recording is decoded."""
    within: list[bool] = []

    def watched(*arguments: Any) -> Any:
        within.append(connection.in_atomic_block)
        return read_clip(*arguments)

    monkeypatch.setattr(reference_clips, "read_clip", watched)
    assert admin_client.post(ADD, form(recording(1.5), recording(2.0, pitch=220))).status_code == 302
    refused = admin_client.post(ADD, form(recording(0.1), voice_id="bert"))
    assert "at least" in text_of(refused.content)
    assert within == [False, False, False]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_decoded_for_those_who_may_change_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    monkeypatch.setattr(reference_clips, "read_clip", None)
    assert client.post(ADD, form(recording(1.5))).status_code == 403


@pytest.mark.parametrize("lines", ["[" * 5000, "mood: calm\nmood: glad", "mood: \0"])
def test_labels_that_cannot_be_stored_are_shown_again_with_an_error(admin_client: Client, lines: str) -> None:
    response = admin_client.post(ADD, form(labels_4=lines))
    assert response.status_code == 200
    shown = text_of(response.content)
    assert re.search("name: value|there twice|unsupported character|Null characters", shown)
    assert not Voice.objects.filter(voice_id="anna").exists()
