"""The admin's pages about keys and usage, through Django's own client."""

import datetime
import re
from html import unescape
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from streaming.access.credentials import Credentials
from streaming.access.identity import identify
from streaming.access.models import Amounts, ApiKey, DailyUsage, UsageSlot
from tests.pure.access.conftest import NewKey
from voices.models import Voice

KEYS, ADD_KEY = "/admin/access/apikey/", "/admin/access/apikey/add/"
USAGE = "/admin/access/dailyusage/"
DAY = datetime.date(2026, 11, 24)
SECRET = re.compile(r'value="(sk_[A-Za-z0-9_-]{43})"')


def text_of(content: bytes) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def form(**changes: Any) -> dict[str, Any]:
    return {"name": "Ada", "enabled": "on", "all_voices": "on"} | changes


def use(key: ApiKey | None, voice_id: str = "anna", day: datetime.date = DAY, characters: int = 100) -> None:
    amounts = Amounts(characters=characters, audio_seconds=3723.4, requests=2, errors=1)
    DailyUsage.objects.add(UsageSlot(key.pk if key else None, voice_id, day), amounts)


def test_a_new_key_is_shown_once_and_works(admin_client: Browser) -> None:
    response = admin_client.post(ADD_KEY, form())
    [secret] = SECRET.findall(response.content.decode())
    assert "no-store" in response["Cache-Control"]
    client = async_to_sync(identify)(Credentials(api_key=secret), required=True)
    assert client.name == "Ada"
    later = admin_client.get(KEYS).content + admin_client.get(f"{KEYS}{client.key_id}/change/").content
    assert secret.encode() not in later
    assert secret[:10].encode() in later


def test_a_new_key_is_not_kept_in_a_cookie_or_session(admin_client: Browser) -> None:
    response = admin_client.post(ADD_KEY, form())
    [secret] = SECRET.findall(response.content.decode())
    assert secret not in str(admin_client.cookies)
    assert secret not in str(dict(admin_client.session))


BANNER = "API keys are not required: anyone who reaches this server can speak"


@pytest.mark.parametrize("required", [True, False])
def test_the_pages_of_keys_say_that_nobody_needs_one(
    admin_client: Browser, new_key: NewKey, settings: Settings, required: bool
) -> None:
    settings.XTTS = {"access": {"require_keys": required}}
    key, _ = new_key()
    pages = [admin_client.get(address) for address in (KEYS, ADD_KEY, f"{KEYS}{key.pk}/change/")]
    for page in (*pages, admin_client.post(ADD_KEY, form(name="")), admin_client.post(ADD_KEY, form())):
        said = text_of(page.content)
        assert (BANNER in said, "access.require_keys" in said) == (not required, not required)


def test_editing_a_key_keeps_its_secret(admin_client: Browser, new_key: NewKey) -> None:
    key, _ = new_key()
    response = admin_client.post(f"{KEYS}{key.pk}/change/", form(max_concurrent_streams="4"))
    assert response.status_code == 302, text_of(response.content)
    changed = ApiKey.objects.get()
    assert (changed.name, changed.max_concurrent_streams, changed.hashed) == ("Ada", 4, key.hashed)


def test_all_voices_and_some_exclude_each_other(admin_client: Browser, voice: Voice) -> None:
    refused = admin_client.post(ADD_KEY, form(voices=[voice.pk]))
    assert "Allow all voices, or choose some, but not both." in text_of(refused.content)
    accepted = form(voices=[voice.pk])
    del accepted["all_voices"]
    admin_client.post(ADD_KEY, accepted)
    assert list(ApiKey.objects.get().voices.all()) == [voice]


def test_the_form_says_what_a_prefix_is_and_keeps_each_line(admin_client: Browser) -> None:
    assert "“sess:alice” would also mean “sess:alice2”" in text_of(admin_client.get(ADD_KEY).content)
    admin_client.post(ADD_KEY, form(forward_prefixes="sess:a:\r\n\r\nsess:b:\r\n"))
    assert ApiKey.objects.get().channel_prefixes == ("sess:a:", "sess:b:")


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_concurrent_streams", "0"), ("max_requests_per_second", "0"), ("max_characters_per_month", "-1")],
)
def test_a_limit_that_is_none_is_refused(admin_client: Browser, field: str, value: str) -> None:
    assert "greater than or equal to" in text_of(admin_client.post(ADD_KEY, form(**{field: value})).content)
    assert not ApiKey.objects.exists()


def test_keys_are_switched_off_in_the_list(admin_client: Browser, new_key: NewKey) -> None:
    key, _ = new_key()
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": key.pk, "_save": "Save"}
    admin_client.post(KEYS, rows)
    assert not ApiKey.objects.get().enabled


def test_a_key_that_has_spoken_cannot_be_deleted(admin_client: Browser, new_key: NewKey) -> None:
    key, _ = new_key()
    use(key)
    admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"})
    assert ApiKey.objects.exists()
    DailyUsage.objects.all().delete()
    admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"})
    assert not ApiKey.objects.exists()


def test_the_list_says_when_a_key_was_used_and_ends(admin_client: Browser, new_key: NewKey) -> None:
    new_key(name="Ada", expires_at=datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC))
    assert re.search(r"sk_[\w-]+… Jan. 2, 2030 never", text_of(admin_client.get(KEYS).content))
    ApiKey.objects.update(last_used_at=datetime.datetime(2026, 11, 24, 9, 30, tzinfo=datetime.UTC))
    assert "Jan. 2, 2030 Nov. 24, 2026, 9:30 a.m." in text_of(admin_client.get(KEYS).content)


def test_the_list_says_what_was_spoken_this_month(admin_client: Browser, new_key: NewKey) -> None:
    key, _ = new_key(max_characters_per_month=500)
    use(key, day=datetime.datetime.now(datetime.UTC).date())
    assert "100 of 500" in text_of(admin_client.get(KEYS).content)


@pytest.mark.parametrize(
    ("language", "page", "title"),
    [
        ("en", USAGE, "Usage by day"),
        ("en", KEYS, "API keys"),
        ("ru", USAGE, "Использование по дням"),
        ("ru", KEYS, "Ключи доступа"),
    ],
)
def test_a_list_is_titled_by_what_it_lists(admin_client: Browser, language: str, page: str, title: str) -> None:
    assert f"<h1>{title}</h1>" in admin_client.get(page, headers={"accept-language": language}).text


def test_usage_is_listed_by_day_with_its_totals(admin_client: Browser, new_key: NewKey) -> None:
    use(new_key(name="Ada")[0])
    use(None, "bert")
    page = text_of(admin_client.get(USAGE).content)
    assert "Total: 200 characters, 2:04:07 of audio, 4 requests, 2 errors." in page
    assert "Nov. 24, 2026 none bert 100 1:02:03 2 1" in page


@pytest.mark.parametrize("query", ["key__id__exact={key}", "voice_id=anna", "day__year=2026"])
def test_usage_is_filtered_by_key_and_voice_and_date(admin_client: Browser, new_key: NewKey, query: str) -> None:
    key, _ = new_key(name="Ada")
    use(key)
    use(None, "bert", day=datetime.date(2025, 1, 1), characters=5000)
    page = text_of(admin_client.get(f"{USAGE}?{query.format(key=key.pk)}").content)
    assert "Total: 100 characters" in page


def test_usage_is_changed_by_nobody(admin_client: Browser, new_key: NewKey) -> None:
    use(new_key()[0])
    row = DailyUsage.objects.get()
    assert admin_client.get(f"{USAGE}add/").status_code == 403
    assert admin_client.post(f"{USAGE}{row.pk}/change/", {"characters": 1}).status_code == 403
    assert admin_client.post(f"{USAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert DailyUsage.objects.get().characters == 100


@pytest.mark.django_db
def test_the_command_prints_a_key_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", "Ada", "--may-manage-voices")
    client = async_to_sync(identify)(Credentials(api_key=capsys.readouterr().out.strip()), required=True)
    assert (client.name, client.may_manage_voices) == ("Ada", True)


@pytest.mark.django_db
def test_the_command_gives_a_key_channels(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", "Ada", "--forward-prefix", "sess:a:", "--forward-prefix", "sess:b:")
    client = async_to_sync(identify)(Credentials(api_key=capsys.readouterr().out.strip()), required=True)
    assert client.forward_prefixes == ("sess:a:", "sess:b:")
    with pytest.raises(CommandError, match="This prefix cannot be used"):
        call_command("create_key", "Ada", "--forward-prefix", "x" * 201)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "x" * 101])
def test_the_command_refuses_a_name_that_is_none(name: str) -> None:
    with pytest.raises(CommandError, match="This name cannot be used"):
        call_command("create_key", name)
