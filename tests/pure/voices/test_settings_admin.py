"""The settings of a voice in the admin."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from tests.pure.voices.test_admin import ADD, form, text_of
from voices import speech_hook
from voices.free_ids import free_id
from voices.models import PronunciationDictionary, Voice, VoiceChange
from voices.speech_hook import Engine

pytestmark = pytest.mark.django_db
LIST = "/admin/voices/voice/"


class Server:
    def ticket(self, user_pk: object, voice_pk: int, clip_pk: int | None) -> None: ...

    def settings(self) -> Mapping[str, object]:
        return {"language": "de", "speed": 1.0, "temperature": 0.6, "top_k": None}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With an engine of two languages."""
    assert get_resolver().url_patterns  # which offer the real one when they are first asked for
    monkeypatch.setattr(speech_hook, "_speech", Server())
    speech_hook.serve_with(lambda: Engine(clones=True, fingerprint="f", languages=("de", "zh-cn")))
    yield
    speech_hook.serve_with(lambda: None)


def test_a_voice_is_made_with_all_its_settings(admin_client: Client) -> None:
    dictionary = PronunciationDictionary.objects.create(name="Brands")
    settings = {
        "temperature": "0.5",
        "top_k": "0",
        "top_p": "1",
        "repetition_penalty": "2.5",
        "seed": "0",
        "reference_seconds": "12",
        "stability_sets_temperature": "on",
        "chosen_category": "professional",
    }
    labels = {"labels_0": "scottish", "labels_4": "mood: calm"}
    answer = admin_client.post(ADD, form(dictionaries=[dictionary.pk], **labels, **settings))
    assert answer.status_code == 302, text_of(answer.content)
    voice = Voice.objects.get(voice_id="anna")
    assert (voice.temperature, voice.top_k, voice.top_p, voice.repetition_penalty) == (0.5, 0, 1.0, 2.5)
    assert (voice.seed, voice.reference_seconds, voice.stability_sets_temperature) == (0, 12, True)
    assert (voice.category, voice.labels) == ("professional", {"accent": "scottish", "mood": "calm"})
    assert list(voice.dictionaries.all()) == [dictionary]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "0"),
        ("temperature", "2.1"),
        ("temperature", "nan"),
        ("top_k", "1001"),
        ("top_p", "0"),
        ("repetition_penalty", "0.5"),
        ("seed", "4294967296"),
        ("seed", "-1"),
        ("reference_seconds", "0"),
        ("chosen_category", "other"),
    ],
)
def test_a_setting_beyond_its_range_is_refused(admin_client: Client, name: str, value: str) -> None:
    answer = admin_client.post(ADD, form(**{name: value}))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {name}


def change(voice: Voice) -> str:
    return f"{LIST}{voice.pk}/change/"


def test_the_page_says_what_is_in_effect_and_who_says_so(admin_client: Client, voice: Voice, server: None) -> None:
    voice.temperature = 0.5
    voice.save()
    page = admin_client.get(change(voice)).content.decode()
    table = re.search(r'<table class="voice-settings">(.*?)</table>', page, re.S)
    assert table
    rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in table[1].split("</tr>") if row]
    assert rows == [
        ["Language", "de", "set for the server"],
        ["Speed", "1", "set for the server"],
        ["Temperature", "0.5", "set for this voice"],
        ["Top-k", "", "chosen by the model"],
    ]


@pytest.mark.parametrize("language", ["de", "de-AT", "zh-cn", "zh", "DE", ""])
def test_a_language_that_can_be_spoken(admin_client: Client, server: None, language: str) -> None:
    assert admin_client.post(ADD, form(language=language)).status_code == 302


def test_a_language_that_cannot_be_spoken_is_refused_with_those_that_can(admin_client: Client, server: None) -> None:
    answer = admin_client.post(ADD, form(language="sv"))
    assert "The engine does not speak “sv”. Its languages are: de, zh-cn." in text_of(answer.content)


def test_a_language_that_nobody_changes_may_stay(admin_client: Client, voice: Voice, server: None) -> None:
    Voice.objects.update(language="sv")
    assert admin_client.post(change(voice), form(language="sv", name="Anne")).status_code == 302
    assert Voice.objects.get().name == "Anne"


def test_languages_are_suggested_with_their_names(admin_client: Client, server: None) -> None:
    page = admin_client.get(ADD).content.decode()
    assert '<option value="de">German</option>' in page
    assert 'list="spoken-languages"' in page


def test_labels_that_nobody_changes_stay_as_they_are(admin_client: Client, voice: Voice) -> None:
    labels = {"odd: name": "two\nlines", "accent": "scottish"}
    Voice.objects.update(labels=labels)
    shown = admin_client.get(change(voice)).context["adminform"].form["labels"].subwidgets[0].data["subwidgets"]
    posted: dict[str, Any] = {part["name"]: part["value"] or "" for part in shown}
    assert admin_client.post(change(voice), form(name="Anne", **posted)).status_code == 302
    assert Voice.objects.get().labels == labels


def test_without_an_id_a_voice_gets_a_free_one_from_its_name(admin_client: Client, voice: Voice) -> None:
    for expected in ("anna-2", "anna-3"):
        assert admin_client.post(ADD, form(voice_id="", name=" Anna ")).status_code == 302
        assert Voice.objects.filter(voice_id=expected).exists()


@pytest.mark.parametrize(
    ("name", "expected"), [("Анна", "voice"), ("x" * 100, "x" * 58), ("Zoë B.", "zoe-b"), ("-", "voice")]
)
def test_an_id_has_only_what_a_url_has(name: str, expected: str, db: None) -> None:
    assert free_id(name) == expected


def test_the_page_is_told_a_free_id(admin_client: Client, voice: Voice) -> None:
    assert admin_client.get(f"{LIST}free-id", {"name": "anna"}).json() == {"voice_id": "anna-2"}


def test_who_may_not_add_voices_learns_of_no_ids(client: Client) -> None:
    client.force_login(User.objects.create_user("bob", is_staff=True))
    assert client.get(f"{LIST}free-id", {"name": "anna"}).status_code == 403


@pytest.mark.parametrize("side", ["voice", "dictionary"])
def test_other_dictionaries_are_a_change_of_the_voice(voice: Voice, side: str) -> None:
    dictionary = PronunciationDictionary.objects.create(name="Brands")
    others: Any = voice.dictionaries if side == "voice" else dictionary.voice_set
    other: Any = dictionary if side == "voice" else voice
    for change in (lambda: others.add(other), lambda: others.remove(other), lambda: others.set([other]), others.clear):
        before = VoiceChange.objects.filter(voice_pk=voice.pk).count()
        change()
        assert VoiceChange.objects.filter(voice_pk=voice.pk).count() == before + 1
