"""Whose credentials these are, asked of a real database."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from streaming.access import refusals
from streaming.access.credentials import Credentials
from streaming.access.identity import ANYBODY, MOST_TOKENS, Client, identified_again, identify, issue_token
from streaming.access.models import ApiKey, SingleUseToken
from streaming.errors import Refused
from tests.pure.access.conftest import NewKey
from voices.models import Voice

pytestmark = pytest.mark.django_db


def who(credentials: Credentials, *, required: bool = True) -> Client:
    return async_to_sync(identify)(credentials, required=required)


def refusal(credentials: Credentials, *, required: bool = True) -> Refused:
    with pytest.raises(Refused) as caught:
        who(credentials, required=required)
    return caught.value


def token_for(client: Client) -> Credentials:
    return Credentials(single_use_token=async_to_sync(issue_token)(client))


@pytest.mark.parametrize("way", ["api_key", "bearer"])
def test_a_key_is_recognised(new_key: NewKey, way: str) -> None:
    key, secret = new_key(name="Ada", max_concurrent_streams=3)
    client = who(Credentials(**{way: secret}))
    assert (client.key_id, client.name, client.max_concurrent_streams) == (key.pk, "Ada", 3)


def test_only_a_hash_of_the_key_is_kept(new_key: NewKey) -> None:
    key, secret = new_key()
    stored = ApiKey.objects.values().get(pk=key.pk)
    assert secret not in map(str, stored.values())
    assert secret.startswith(stored["prefix"])
    assert len(secret) - len(stored["prefix"]) >= 36


def test_no_key_where_one_is_needed() -> None:
    error = refusal(Credentials())
    assert (error.status, error.code) == (401, "needs_authorization")


@pytest.mark.parametrize("bad", ["sk_wrong", "", "\0", "ключ", "x" * 10_000, "sk_" + "A" * 43])
def test_what_is_no_key_of_ours_opens_nothing(new_key: NewKey, bad: str) -> None:
    new_key()
    error = refusal(Credentials(api_key=bad, bearer="also wrong"))
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert bad == "" or bad not in error.message


def test_the_beginning_of_a_key_is_not_the_key(new_key: NewKey) -> None:
    _, secret = new_key()
    assert refusal(Credentials(api_key=secret[:-1] + ("A" if secret[-1] != "A" else "B"))).status == 401


def test_keys_that_begin_alike_are_told_apart(new_key: NewKey) -> None:
    first, secret = new_key(name="first")
    second, _ = new_key(name="second")
    ApiKey.objects.filter(pk=second.pk).update(prefix=first.prefix)
    assert who(Credentials(api_key=secret)).name == "first"


@pytest.mark.parametrize("change", [{"enabled": False}, {"expires_at": timezone.now() - timedelta(seconds=1)}])
@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("way", ["api_key", "bearer"])
def test_a_key_that_is_not_valid_any_more(new_key: NewKey, change: dict[str, object], required: bool, way: str) -> None:
    """Where keys are not required, too: it was to do less than anybody, not more."""
    _, secret = new_key(**change)
    error = refusal(Credentials(**{way: secret}), required=required)
    assert (error.status, error.code) == (401, "invalid_api_key")


@pytest.mark.parametrize("required", [True, False])
def test_a_valid_key_counts_beside_one_that_is_not(new_key: NewKey, required: bool) -> None:
    _, old = new_key(enabled=False)
    key, secret = new_key()
    assert who(Credentials(api_key=old, bearer=secret), required=required).key_id == key.pk
    assert who(Credentials(api_key=secret, bearer=old), required=required).key_id == key.pk


def test_a_key_works_until_it_expires(new_key: NewKey) -> None:
    _, secret = new_key(expires_at=timezone.now() + timedelta(minutes=1))
    assert who(Credentials(api_key=secret)).key_id


def test_a_valid_key_counts_whatever_else_is_brought(new_key: NewKey) -> None:
    key, secret = new_key()
    assert who(Credentials(api_key="stale", bearer=secret, single_use_token="stale")).key_id == key.pk


def test_without_required_keys_unknown_ones_are_ignored_and_known_ones_used(new_key: NewKey) -> None:
    key, secret = new_key()
    assert who(Credentials(api_key="not checked yet"), required=False) is ANYBODY
    assert who(Credentials(), required=False) is ANYBODY
    assert who(Credentials(api_key=secret), required=False).key_id == key.pk


def test_to_identify_a_key_is_only_reading(new_key: NewKey, django_assert_num_queries: Any) -> None:
    """Whoever writes to the database waits for whoever else does."""
    _, secret = new_key()
    with django_assert_num_queries(1) as queries:
        who(Credentials(api_key=secret))
    assert queries.captured_queries[0]["sql"].startswith("SELECT")


def test_a_key_for_some_voices(new_key: NewKey, voice: Voice) -> None:
    key, secret = new_key(all_voices=False)
    key.voices.add(voice)
    client = who(Credentials(api_key=secret))
    client.require_voice("anna")
    with pytest.raises(Refused) as caught:
        client.require_voice("bert")
    assert (caught.value.status, caught.value.code) == (404, "voice_not_found")


def test_deleting_its_last_voice_does_not_open_the_others(new_key: NewKey, voice: Voice) -> None:
    key, secret = new_key(all_voices=False)
    key.voices.add(voice)
    voice.delete()
    assert not who(Credentials(api_key=secret)).may_use("bert")


@pytest.mark.parametrize(
    ("prefixes", "channel", "is_allowed"),
    [
        ("sess:alice:", "sess:alice:1", True),
        ("sess:alice:", "sess:alice2:1", False),
        ("sess:alice", "sess:alice2:1", True),
        ("sess:a:\n\n  sess:b:  \n", "sess:b:1", True),
        ("\n \n", "sess:a:1", False),
        ("", "sess:a:1", False),
        ("", "", False),
    ],
)
def test_a_key_listens_to_the_channels_that_begin_with_its_prefixes(
    new_key: NewKey, prefixes: str, channel: str, is_allowed: bool
) -> None:
    client = who(Credentials(api_key=new_key(forward_prefixes=prefixes)[1]))
    if is_allowed:
        client.require_channel(channel)
        return
    with pytest.raises(Refused) as caught:
        client.require_channel(channel)
    assert (caught.value.status, caught.value.code) == (403, "missing_permissions")


def test_a_new_key_listens_to_nothing_and_nobodys_client_is_bound_by_the_settings_alone(new_key: NewKey) -> None:
    assert who(Credentials(api_key=new_key()[1])).forward_prefixes == ()
    ANYBODY.require_channel("sess:a:1")


@pytest.mark.parametrize("prefixes", ["x" * 201, "\n".join(map(str, range(101))), "sess:\0"])
def test_prefixes_that_are_none(new_key: NewKey, prefixes: str) -> None:
    with pytest.raises(ValidationError):
        new_key(forward_prefixes=prefixes)


def test_keys_that_are_older_than_the_right_keep_what_the_settings_allow(new_key: NewKey, settings: Settings) -> None:
    new_key()
    settings.XTTS = settings.XTTS | {"forward": {"allowed_prefixes": ["sess:", "room:"]}}
    migration = import_module("streaming.access.migrations.0002_apikey_forward_prefixes")
    migration.keep_what_keys_may_hear(apps, SimpleNamespace(connection=connection))
    assert ApiKey.objects.get().channel_prefixes == ("sess:", "room:")


def test_managing_voices_is_a_right_of_its_own(new_key: NewKey) -> None:
    _, secret = new_key()
    with pytest.raises(Refused, match="may not add, edit or delete"):
        who(Credentials(api_key=secret)).require_managing_voices()
    ApiKey.objects.update(may_manage_voices=True)
    who(Credentials(api_key=secret)).require_managing_voices()


def test_a_token_stands_in_for_its_key_once(new_key: NewKey) -> None:
    key, secret = new_key()
    token = token_for(who(Credentials(api_key=secret)))
    assert who(token).key_id == key.pk
    assert refusal(token).code == "invalid_api_key"


@pytest.mark.parametrize("change", [{"used_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_token_that_is_not_valid_any_more_is_refused_where_keys_are_not_required(change: dict[str, object]) -> None:
    token = token_for(ANYBODY)
    SingleUseToken.objects.update(**change)
    assert refusal(token, required=False).code == "invalid_api_key"


def test_a_token_of_nobody_does_not_open_for_a_disabled_key(new_key: NewKey) -> None:
    _, secret = new_key(enabled=False)
    both = Credentials(api_key=secret, single_use_token=token_for(ANYBODY).single_use_token)
    assert refusal(both, required=False).code == "invalid_api_key"


def test_a_token_is_kept_as_a_hash(new_key: NewKey) -> None:
    token = token_for(ANYBODY)
    assert token.single_use_token
    assert token.single_use_token not in map(str, SingleUseToken.objects.values_list().get())


def test_a_token_of_nobody_is_worth_nothing_where_keys_are_required(new_key: NewKey) -> None:
    key, secret = new_key()
    assert who(token_for(ANYBODY), required=False) is ANYBODY
    assert refusal(token_for(ANYBODY)).code == "invalid_api_key"
    both = Credentials(api_key=secret, single_use_token=token_for(ANYBODY).single_use_token)
    assert who(both).key_id == key.pk


def test_a_token_does_not_outlive_a_quarter_of_an_hour(new_key: NewKey) -> None:
    token = token_for(who(Credentials(api_key=new_key()[1])))
    left = SingleUseToken.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    SingleUseToken.objects.update(expires_at=timezone.now())
    assert refusal(token).status == 401


def test_a_token_of_a_disabled_key_is_worth_nothing(new_key: NewKey) -> None:
    _, secret = new_key()
    token = token_for(who(Credentials(api_key=secret)))
    ApiKey.objects.update(enabled=False)
    assert refusal(token).status == 401


def test_tokens_are_bounded_and_old_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.access.identity.MOST_TOKENS", 3)
    tokens = [token_for(ANYBODY) for _ in range(3)]
    with pytest.raises(Refused) as caught:
        token_for(ANYBODY)
    assert (caught.value.status, caught.value.code) == (429, refusals.RATE_LIMIT)
    who(tokens[0], required=False)
    token_for(ANYBODY)
    assert SingleUseToken.objects.count() == 3 < MOST_TOKENS


def test_a_client_is_asked_about_again(new_key: NewKey) -> None:
    _, secret = new_key()
    client = who(Credentials(api_key=secret))
    ApiKey.objects.update(max_characters_per_month=5)
    assert async_to_sync(identified_again)(client).max_characters_per_month == 5
    ApiKey.objects.update(enabled=False)
    with pytest.raises(Refused):
        async_to_sync(identified_again)(client)
    assert async_to_sync(identified_again)(ANYBODY) is ANYBODY
