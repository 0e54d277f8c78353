"""What is learnt of keys that are in use."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from streaming.access.credentials import Credentials
from streaming.access.gate import Gate
from streaming.access.identity import ANYBODY, Client, identify_now
from streaming.access.known_keys import KnownKeys
from streaming.access.models import ApiKey
from streaming.conf import LimitsConfig
from streaming.errors import Refused
from tests.pure.access.conftest import NewKey
from tests.pure.clock import Clock
from voices import database
from voices.daemon_threads import DaemonThreads
from voices.models import Voice

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(LimitsConfig(), KnownKeys(fresh=3600, clock=clock), clock=clock)


def look(gate: Gate) -> None:
    gate.clock.now += 1  # type: ignore[attr-defined]
    async_to_sync(gate.watch.look)()


def client_of(secret: str) -> Client:
    return identify_now(Credentials(api_key=secret), required=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda keys: keys.update(enabled=False),
        lambda keys: keys.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda keys: keys.delete(),
    ],
    ids=["disabled", "expired", "deleted"],
)
def test_whoever_has_a_key_that_is_not_valid_any_more_is_told_once(
    gate: Gate, new_key: NewKey, change: Callable[..., object]
) -> None:
    ended: list[str] = []
    trusts = [gate.trust(client_of(new_key(name=name)[1]), partial(ended.append, name)) for name in "ab"]
    look(gate)
    assert ended == []
    change(ApiKey.objects.filter(name="a"))
    look(gate)
    look(gate)
    assert ended == ["a"]
    with pytest.raises(Refused, match="not valid"):
        async_to_sync(trusts[0].renew)()
    async_to_sync(trusts[1].renew)()


def test_changes_of_a_key_reach_whoever_uses_it(gate: Gate, new_key: NewKey, voice: Voice) -> None:
    key, secret = new_key(all_voices=False)
    trust = gate.trust(client_of(secret))
    key.voices.add(voice)
    ApiKey.objects.update(max_concurrent_streams=3)
    look(gate)
    assert trust.client.voices == frozenset({"anna"})
    assert trust.client.max_concurrent_streams == 3
    assert trust.client == client_of(secret)


def test_what_is_kept_of_keys_for_long_is_looked_at_too(gate: Gate, new_key: NewKey) -> None:
    """Its cache would let it in for an hour."""
    credentials = Credentials(api_key=new_key()[1])
    identify = async_to_sync(gate.keys.identify)
    identify(credentials, required=True)
    look(gate)
    with CaptureQueriesContext(connection) as queries:
        identify(credentials, required=True)
    assert len(queries) == 0
    ApiKey.objects.update(enabled=False)
    look(gate)
    with pytest.raises(Refused):
        identify(credentials, required=True)


def test_one_look_is_two_questions_however_many_use_keys(gate: Gate, new_key: NewKey, voice: Voice) -> None:
    secrets = [new_key(all_voices=bool(number % 2))[1] for number in range(20)]
    trusts = [gate.trust(client_of(secret)) for secret in secrets for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        look(gate)
    assert len(queries) == 2
    assert len(trusts) == 60


def test_a_look_does_not_wait_for_others_who_ask_the_database(
    gate: Gate, new_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = DaemonThreads("full", 1, most_waiting=0)
    monkeypatch.setattr(database, "READERS", {"thread_sensitive": False, "executor": full})
    ended: list[bool] = []
    trusts = [gate.trust(client_of(new_key()[1]), lambda: ended.append(True))]
    ApiKey.objects.update(enabled=False)
    look(gate)
    assert ended == [True for _ in trusts]


def test_nothing_is_asked_while_nobody_uses_a_key(gate: Gate, new_key: NewKey) -> None:
    staying = gate.trust(ANYBODY)
    gone = gate.trust(client_of(new_key()[1]))
    del gone
    with CaptureQueriesContext(connection) as queries:
        look(gate)
    assert len(queries) == 0
    assert staying.client is ANYBODY


def test_an_answer_that_is_older_than_what_is_known_says_nothing(gate: Gate, new_key: NewKey) -> None:
    trust = gate.trust(client_of(new_key()[1]))
    trust.learn(None, gate.clock() - 1)
    assert trust.client.key_id is not None
    async_to_sync(trust.renew)()


def test_a_client_that_is_gone_is_not_told(gate: Gate, new_key: NewKey) -> None:
    ended: list[bool] = []
    trust = gate.trust(client_of(new_key()[1]), lambda: ended.append(True))
    trust.leave()
    ApiKey.objects.update(enabled=False)
    look(gate)
    assert ended == []
