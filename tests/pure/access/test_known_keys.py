"""Keys that were looked up lately: used again, but no longer than they are valid."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from streaming.access import known_keys
from streaming.access.credentials import Credentials
from streaming.access.identity import ANYBODY, Client
from streaming.access.known_keys import MOST_KEYS, KnownKeys
from streaming.access.models import ApiKey
from streaming.access.secret_text import hash_of
from streaming.access.secret_text import new_key as new_secret
from streaming.errors import DatabaseUnavailable, Refused
from tests.pure.access.conftest import NewKey
from tests.pure.clock import Clock
from tests.pure.silent_database import no_answer
from voices.models import Voice

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(clock: Clock) -> KnownKeys:
    return KnownKeys(fresh=1.0, outage=30.0, clock=clock)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, the database does not answer."""

    def begin() -> None:
        monkeypatch.setattr(known_keys, "identify", no_answer)
        monkeypatch.setattr(known_keys, "identified_again", no_answer)

    return begin


def who(keys: KnownKeys, *, required: bool = True, **credentials: Any) -> Client:
    return async_to_sync(keys.identify)(Credentials(**credentials), required=required)


def queries(keys: KnownKeys, **credentials: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        who(keys, **credentials)
    return len(captured)


@pytest.mark.parametrize("way", ["api_key", "bearer"])
def test_a_key_is_looked_up_again_after_a_moment(keys: KnownKeys, clock: Clock, new_key: NewKey, way: str) -> None:
    key, secret = new_key()
    given: dict[str, Any] = {way: secret}
    assert who(keys, **given).key_id == key.pk
    clock.now += 0.9
    assert queries(keys, **given) == 0
    clock.now += 0.2
    assert queries(keys, **given) == 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"max_concurrent_streams": 1}, None])
def test_what_this_process_changes_counts_at_once(
    keys: KnownKeys, new_key: NewKey, change: dict[str, Any] | None
) -> None:
    key, secret = new_key()
    who(keys, api_key=secret)
    if change is None:
        key.delete()
    else:
        vars(key).update(change)
        key.save()
    if change == {"max_concurrent_streams": 1}:
        assert who(keys, api_key=secret).max_concurrent_streams == 1
    else:
        with pytest.raises(Refused):
            who(keys, api_key=secret)


def test_a_new_secret_ends_the_old_one_at_once(keys: KnownKeys, new_key: NewKey) -> None:
    key, secret = new_key()
    who(keys, api_key=secret)
    key.take_new_secret()
    key.save()
    with pytest.raises(Refused):
        who(keys, api_key=secret)


def test_the_voices_of_a_key_count_at_once(keys: KnownKeys, new_key: NewKey, voice: Voice) -> None:
    key, secret = new_key(all_voices=False)
    assert not who(keys, api_key=secret).may_use("anna")
    key.voices.add(voice)
    assert who(keys, api_key=secret).may_use("anna")
    voice.apikey_set.clear()
    assert not who(keys, api_key=secret).may_use("anna")
    key.voices.add(voice)
    assert who(keys, api_key=secret).may_use("anna")
    voice.voice_id = "annie"
    voice.save()
    assert not who(keys, api_key=secret).may_use("anna")


@pytest.mark.django_db(transaction=True)
def test_a_change_counts_when_others_can_see_it(keys: KnownKeys, new_key: NewKey) -> None:
    """Who asks while the change is not there yet is told what was before, and only until it is there."""
    key, secret = new_key()
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).first()
        key.enabled = False
        key.save()
        keys._clients.keep(hash_of(secret), Client(key_id=key.pk), keys._clients.changes)
    with pytest.raises(Refused):
        who(keys, api_key=secret)


def test_what_another_process_changes_counts_after_a_moment(keys: KnownKeys, clock: Clock, new_key: NewKey) -> None:
    _, secret = new_key()
    who(keys, api_key=secret)
    ApiKey.objects.update(enabled=False)  # no signal comes, as from another process
    clock.now += 1.1
    with pytest.raises(Refused):
        who(keys, api_key=secret)


def test_a_key_ends_when_it_expires(
    keys: KnownKeys, new_key: NewKey, silence: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = timezone.now() + timedelta(hours=1)
    _, secret = new_key(expires_at=end)
    who(keys, api_key=secret)
    monkeypatch.setattr(timezone, "now", lambda: end)
    with pytest.raises(Refused):
        who(keys, api_key=secret)
    silence()
    with pytest.raises(DatabaseUnavailable):
        who(keys, api_key=secret)


def test_without_the_database_a_key_is_known_for_a_while(
    keys: KnownKeys, clock: Clock, new_key: NewKey, silence: Callable[[], None]
) -> None:
    key, secret = new_key()
    who(keys, api_key=secret)
    silence()
    clock.now += 30
    client = who(keys, api_key=secret)
    assert (client.key_id, client.confirmed_at) == (key.pk, 1000.0)
    clock.now += 0.1
    with pytest.raises(DatabaseUnavailable):
        who(keys, api_key=secret)
    with pytest.raises(DatabaseUnavailable):
        async_to_sync(keys.identify_again)(client)


def test_a_key_that_was_refused_is_not_known_without_the_database(
    keys: KnownKeys, clock: Clock, new_key: NewKey, silence: Callable[[], None]
) -> None:
    _, secret = new_key()
    who(keys, api_key=secret)
    ApiKey.objects.update(enabled=False)
    clock.now += 2
    with pytest.raises(Refused):
        who(keys, api_key=secret)
    silence()
    with pytest.raises(DatabaseUnavailable):
        who(keys, api_key=secret)


@pytest.mark.parametrize("required", [True, False])
def test_what_cannot_be_a_key_is_known_without_the_database(
    keys: KnownKeys, silence: Callable[[], None], required: bool
) -> None:
    silence()
    credentials: dict[str, Any] = {"api_key": "no key is needed here", "bearer": "\0", "single_use_token": "x"}
    if required:
        with pytest.raises(Refused) as caught:
            who(keys, **credentials)
        assert caught.value.code == "invalid_api_key"
    else:
        assert who(keys, required=False, **credentials) is ANYBODY


def test_what_could_be_a_key_of_ours_is_nobody_without_the_database(
    keys: KnownKeys, silence: Callable[[], None]
) -> None:
    """Who was shut out must not get in as anybody."""
    silence()
    with pytest.raises(DatabaseUnavailable):
        who(keys, required=False, api_key=new_secret())


def test_texts_that_are_no_keys_displace_no_key(keys: KnownKeys, new_key: NewKey) -> None:
    _, secret = new_key()
    who(keys, api_key=secret)
    for _ in range(3):
        with pytest.raises(Refused):
            who(keys, api_key=new_secret())
    assert len(keys._clients) == 1
    assert queries(keys, api_key=secret) == 0


def test_so_many_keys_are_known(keys: KnownKeys) -> None:
    for number in range(MOST_KEYS + 10):
        keys._clients.keep(str(number), Client(key_id=number), 0)
    assert len(keys._clients) == MOST_KEYS
    assert keys._clients.get("9", 1.0) is None
    assert keys._clients.get("10", 1.0) is not None


def test_a_second_text_does_not_become_a_key(keys: KnownKeys, new_key: NewKey) -> None:
    key, secret = new_key()
    other = new_secret()
    assert who(keys, api_key=other, bearer=secret).key_id == key.pk
    with pytest.raises(Refused):
        who(keys, api_key=other)


def test_many_who_come_at_once_with_a_key_ask_once(keys: KnownKeys, new_key: NewKey) -> None:
    key, secret = new_key()

    async def all_of_them() -> list[Client]:
        asked = (keys.identify(Credentials(api_key=secret), required=True) for _ in range(20))
        return await asyncio.gather(*asked)

    with CaptureQueriesContext(connection) as captured:
        assert {client.key_id for client in async_to_sync(all_of_them)()} == {key.pk}
    assert len(captured) == 1
