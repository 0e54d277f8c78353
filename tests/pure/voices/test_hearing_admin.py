"""Who may have a sentence spoken from the admin, and what the pages show of a voice's state."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from tests.pure.voices.conftest import AddClip
from voices import speech_hook
from voices.admin import VoiceAdmin
from voices.models import ReferenceClip, Voice
from voices.preparation import claim, fail
from voices.speech_hook import Engine, Ticket

pytestmark = pytest.mark.django_db


class Offered:
    def ticket(self, user_pk: object, voice_pk: int, clip_pk: int | None) -> Ticket | None:
        return Ticket("/here", f"{voice_pk} {clip_pk}")


@pytest.fixture(autouse=True)
def speech(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    assert get_resolver().url_patterns  # which offer the real one when they are first asked for
    monkeypatch.setattr(speech_hook, "_speech", Offered())
    speech_hook.serve_with(lambda: Engine(clones=True, fingerprint="f"))
    yield
    speech_hook.serve_with(lambda: None)


@pytest.fixture
def clip(voice: Voice, add_clip: AddClip) -> ReferenceClip:
    return add_clip(voice)


def staff(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def hear_voice(client: Client, voice: Voice) -> Any:
    return client.post(f"/admin/voices/voice/{voice.pk}/hear")


def hear_clip(client: Client, clip: ReferenceClip) -> Any:
    return client.post(f"/admin/voices/voice/clips/{clip.pk}/hear")


def test_who_may_see_a_voice_may_hear_it(client: Client, voice: Voice) -> None:
    answer = hear_voice(staff(client, "view_voice"), voice)
    assert (answer.status_code, answer.json()["ticket"]) == (200, f"{voice.pk} None")


def test_staff_without_that_right_may_not(client: Client, voice: Voice) -> None:
    assert hear_voice(staff(client, "view_referenceclip"), voice).status_code == 403


@pytest.mark.parametrize(
    ("permissions", "status"),
    [(["view_voice"], 403), (["view_referenceclip"], 403), (["view_voice", "view_referenceclip"], 200)],
)
def test_to_hear_a_recording_alone_is_a_right_of_its_own(
    client: Client, clip: ReferenceClip, permissions: list[str], status: int
) -> None:
    assert hear_clip(staff(client, *permissions), clip).status_code == status


def test_voices_that_the_admin_hides_are_not_heard(
    client: Client, clip: ReferenceClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may show each team its own voices."""
    monkeypatch.setattr(VoiceAdmin, "get_queryset", lambda *_: Voice.objects.none())
    bob = staff(client, "view_voice", "view_referenceclip")
    answers = [hear_voice(bob, clip.voice), hear_clip(bob, clip)]
    answers += [bob.get(f"/admin/voices/voice/clips/{clip.pk}/audio")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bob.get(f"/admin/voices/voice/states?pk={clip.voice.pk}").json() == {}


def test_strangers_are_sent_to_the_login(client: Client, voice: Voice) -> None:
    assert hear_voice(client, voice).status_code == 302


def test_no_page_of_another_origin_has_it_spoken(voice: Voice, admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert hear_voice(client, voice).status_code == 403
    assert client.get(f"/admin/voices/voice/{voice.pk}/hear").status_code == 405


def test_the_pages_have_a_button_for_each_voice_and_each_recording(admin_client: Client, clip: ReferenceClip) -> None:
    listed = admin_client.get("/admin/voices/voice/").content.decode()
    page = admin_client.get(f"/admin/voices/voice/{clip.voice_id}/change/").content.decode()
    address = f'data-hear="/admin/voices/voice/{clip.voice_id}/hear"'
    assert listed.count("data-hear=") == listed.count(address) == 1
    assert page.count(address) == 1
    assert page.count(f'data-hear="/admin/voices/voice/clips/{clip.pk}/hear"') == 1


def test_without_speech_there_are_no_buttons(
    admin_client: Client, clip: ReferenceClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_hook, "_speech", None)
    for page in ("", f"{clip.voice_id}/change/", "add/"):
        answer = admin_client.get(f"/admin/voices/voice/{page}")
        assert answer.status_code == 200
        assert b"data-hear" not in answer.content


def test_a_page_to_add_a_voice_has_none(admin_client: Client) -> None:
    assert b"data-hear=" not in admin_client.get("/admin/voices/voice/add/").content


def test_the_list_shows_how_far_voices_are(admin_client: Client, clip: ReferenceClip) -> None:
    claim(clip.voice.key, "f", "one")
    fail(clip.voice.key, "f", "one", "A recording is <too> short.")
    listed = admin_client.get("/admin/voices/voice/").content.decode()
    assert 'data-state="failed"' in listed
    assert "A recording is &lt;too&gt; short." in listed


def test_the_states_can_be_asked_for(client: Client, clip: ReferenceClip) -> None:
    answer = staff(client, "view_voice").get(f"/admin/voices/voice/states?pk={clip.voice_id}&pk=x&pk={'9' * 40}")
    assert {pk: told["state"] for pk, told in json.loads(answer.content).items()} == {str(clip.voice_id): "waiting"}


def test_but_not_by_those_who_may_not_see_voices(client: Client) -> None:
    assert staff(client).get("/admin/voices/voice/states").status_code == 403


def test_the_list_asks_no_more_questions_for_more_voices(admin_client: Client, add_clip: AddClip) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert admin_client.get("/admin/voices/voice/").status_code == 200
        return len(asked)

    add_clip(Voice.objects.create(voice_id="one", name="one"))
    of_one = questions()
    for name in "abcdefgh":
        add_clip(Voice.objects.create(voice_id=name, name=name))
    assert questions() == of_one
