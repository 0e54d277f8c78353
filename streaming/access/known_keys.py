"""Whose keys these are, kept for a moment: clients come with the same few keys again and again.

What a key has spent is not kept: a limit on characters is asked of the database each time.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from streaming.access.credentials import Credentials
from streaming.access.identity import Client, identified_again, identify, identify_now
from streaming.access.models import ApiKey
from streaming.access.secret_text import hash_of, looks_like_one
from streaming.errors import DatabaseUnavailable, Refused
from voices.models import Voice
from voices.questions import Questions
from voices.remembered import Clock, Remembered

# Only keys that are valid are kept: nobody who tries out others displaces them.
MOST_KEYS = 1024
# What is kept for no longer need not be looked at in between.
SOON_SECONDS = 1.0


class KnownKeys:
    """One per server process. A key is looked up again after `fresh` seconds, and at once when this process has changed it.
    While the database does not answer, keys that were looked up in the last `outage` seconds are valid."""

    def __init__(self, *, fresh: float = 1.0, outage: float = 30.0, clock: Clock = time.monotonic) -> None:
        self._fresh = fresh
        self._outage = outage
        self._clock = clock
        # By the hash of the key's text.
        self._clients: Remembered[str, Client] = Remembered(MOST_KEYS, clock)
        self._questions: Questions[Client] = Questions(clock)
        for signal in (post_save, post_delete):
            signal.connect(self._key_has_changed, sender=ApiKey)
            signal.connect(self._voices_have_changed, sender=Voice)
        m2m_changed.connect(self._voices_have_changed, sender=ApiKey.voices.through)

    async def identify(self, credentials: Credentials, *, required: bool) -> Client:
        """Whose credentials these are, by the rules of `identity.identify`. Raises Refused, DatabaseUnavailable."""
        secrets = {text for text in (credentials.api_key, credentials.bearer) if text and looks_like_one(text)}
        token = credentials.single_use_token
        if not secrets and not (token and looks_like_one(token)):
            return identify_now(credentials, required=required)  # which has nothing to ask
        # Of several texts it is not known which was the key.
        name = hash_of(*secrets) if len(secrets) == 1 and not token else None
        if client := self._kept(name, self._fresh):
            return client
        changes, began = self._clients.changes, self._clock()
        try:
            # Who comes after a change does not get the answer from before it.
            question = (name, changes) if name else object()
            client = await self._questions.ask(question, partial(identify, credentials, required=required))
        except DatabaseError:
            if client := self._kept(name, self._outage):
                return client
            raise DatabaseUnavailable from None
        except Refused:
            self._clients.drop(name or "")
            raise
        if client.key_id is None:
            return client
        client = replace(client, confirmed_at=began)
        if name:
            self._clients.keep(name, client, changes)
        return client

    async def identify_again(self, client: Client) -> Client:
        """The client with its key's settings as they are in the database now. Raises Refused when its key is not valid any
        more, DatabaseUnavailable."""
        try:
            return await self._questions.ask(client.key_id, partial(identified_again, client))
        except DatabaseError:
            raise DatabaseUnavailable from None

    def kept_ids(self) -> set[int]:
        """Of keys that others may have changed without this process noticing it soon."""
        if self._fresh <= SOON_SECONDS:
            return set()
        return {client.key_id for client in self._clients.values() if client.key_id is not None}

    def note(self, key_ids: Collection[int], clients: Mapping[int, Client]) -> None:
        """What the database says of these keys now; those that are not in `clients` are not valid."""
        kept = {client.key_id: client for client in self._clients.values() if client.key_id in key_ids}
        changed = {key_id for key_id, client in kept.items() if key_id and clients.get(key_id) != client}
        if changed:
            self._clients.forget(lambda _, client: client.key_id in changed)

    def _kept(self, name: str | None, seconds: float) -> Client | None:
        client = self._clients.get(name, seconds) if name else None
        return None if client is None or client.has_expired else client

    def _key_has_changed(self, instance: ApiKey, using: str, **_: Any) -> None:
        pk = instance.pk
        self._forget_when_done(lambda _, client: client.key_id == pk, using)

    def _voices_have_changed(self, using: str, **_: Any) -> None:
        self._forget_when_done(lambda _, client: client.voices is not None, using)

    def _forget_when_done(self, is_changed: Callable[[str, Client], bool], using: str) -> None:
        """Now, for who has changed it, and when others can see the change: who asks until then is told what was before."""
        self._clients.forget(is_changed)
        transaction.on_commit(partial(self._clients.forget, is_changed), using=using)
