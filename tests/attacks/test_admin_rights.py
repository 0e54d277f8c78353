"""A member of the staff asks the admin for what is not theirs, in our project and in another one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.attacks.signing_in import browser, sign_in
from tests.live.host import HostServer, host_python
from tests.pure.voices.recordings import recording

MAKE_STAFF = """
import json
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from streaming.access.models import ApiKey
from voices.models import PronunciationDictionary, ReferenceClip, Voice
People = get_user_model()
for name, rights in %r.items():
    person = People(**{People.USERNAME_FIELD: name + "@host.example"}, is_staff=True)
    person.set_password("the-password")
    person.save()
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
anna = Voice.objects.create(voice_id="anna", name="Anna")
clip = ReferenceClip(voice=anna, file=ContentFile(bytes.fromhex(%r), "anna.wav"))
clip.full_clean()
clip.save()
key, _ = ApiKey.objects.create_with_secret(name="a client")
words = PronunciationDictionary.objects.create(dictionary_id="words", name="Words")
pages = []
for model in admin.site._registry:
    at = "/admin/%%s/%%s/" %% (model._meta.app_label, model._meta.model_name)
    first = model._default_manager.first()
    of_one = [at + str(first.pk) + end for end in ("/change/", "/delete/", "/history/")] if first else []
    pages += [at, at + "add/", *of_one]
print(json.dumps({"clip": clip.pk, "voice": anna.pk, "key": key.pk, "words": words.pk, "pages": pages}))
"""
STAFF = {
    "nothing": [],
    "voices": ["view_voice", "change_voice"],
    "recordings": ["view_voice", "view_referenceclip"],
    "dictionaries": ["view_pronunciationdictionary", "change_pronunciationdictionary"],
}
LEXICON = (
    '<?xml version="1.0"?><lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" '
    'xml:lang="en"><lexeme><grapheme>bank</grapheme><alias>thief</alias></lexeme></lexicon>'
)
RECORDING = recording(1.1)
OPEN_TO_STAFF = ["/admin/", "/admin/jsi18n/", "/admin/password_change/"]


class Place:
    """A server, and what is in it."""

    def __init__(self, base_url: str, made: dict[str, Any]) -> None:
        self.base_url = base_url
        self.made = made

    @property
    def audio(self) -> str:
        return f"/admin/voices/voice/clips/{self.made['clip']}/audio"

    @contextmanager
    def staff(self, name: str) -> Iterator[httpx.Client]:
        """The browser of one of them, who has signed in."""
        with browser(self.base_url) as client:
            assert sign_in(client, f"{name}@host.example", "the-password").status_code == 302
            yield client


@pytest.fixture(scope="module", params=["xtts_site", "host_project"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(request.param)
    code = MAKE_STAFF % (STAFF, RECORDING.hex())
    if request.param == "host_project":
        with HostServer(folder=folder, program="uvicorn") as host:
            made = host_python(folder, "manage.py", "shell", "-v0", "-c", code)
            yield Place(host.base_url, json.loads(made.splitlines()[-1]))
        return
    with LiveServer(write_settings(folder)) as server:
        done = manage(server.settings_file, "shell", "-v0", "-c", code)
        assert done.returncode == 0, done.stderr
        yield Place(server.base_url, json.loads(done.stdout.splitlines()[-1]))


def test_staff_without_rights_gets_no_page_of_any_model(place: Place) -> None:
    with place.staff("nothing") as client:
        assert {client.get(page).status_code for page in OPEN_TO_STAFF} == {200}
        pages = [*place.made["pages"], place.audio, "/admin/voices/", "/admin/access/"]
        pages.append("/admin/autocomplete/?app_label=access&model_name=apikey&field_name=voices&term=a")
        assert len(pages) > 15
        found = {page: client.get(page).status_code for page in pages}
        # The list of an app that has nothing to show does not exist.
        assert {page for page, status in found.items() if status not in (403, 404)} == set()


def test_staff_without_rights_changes_nothing(place: Place) -> None:
    with place.staff("nothing") as client:
        for page in place.made["pages"]:
            form = {"csrfmiddlewaretoken": client.cookies["csrftoken"], "post": "yes", "action": "delete_selected"}
            assert client.post(page, data=form).status_code in (403, 405), page


def test_a_recording_is_heard_by_those_alone_who_may_see_it(place: Place) -> None:
    for name, status in (("nothing", 403), ("dictionaries", 403), ("voices", 403), ("recordings", 200)):
        with place.staff(name) as client:
            answer = client.get(place.audio)
            assert (answer.status_code, answer.content == RECORDING) == (status, status == 200), name


def test_the_page_of_a_voice_offers_recordings_to_those_alone(place: Place) -> None:
    page = f"/admin/voices/voice/{place.made['voice']}/change/"
    for name in ("voices", "recordings"):
        with place.staff(name) as client:
            answer = client.get(page)
            assert (answer.status_code, place.audio in answer.text) == (200, name == "recordings")


def test_rules_cannot_be_smuggled_in_by_a_file(place: Place) -> None:
    page = f"/admin/voices/pronunciationdictionary/{place.made['words']}/change/"
    with place.staff("dictionaries") as client:
        assert client.get(page).status_code == 200
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"], "dictionary_id": "words", "name": "Words"}
        file = {"lexicon": ("words.pls", LEXICON, "application/xml")}
        assert client.post(page, data=form, files=file).status_code == 302
    with place.staff("dictionaries") as client:
        rules = client.get("/admin/voices/pronunciationdictionary/").text
    assert '<td class="field-rule_count">0</td>' in rules
