"""Credentials -> who it is. Everything here asks the database, off the event loop. (`known_keys` remembers the answers.)"""

import datetime
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from streaming.access import refusals
from streaming.access.credentials import Credentials
from streaming.access.models import ApiKey, SingleUseToken
from streaming.access.secret_text import PREFIX_LENGTH, hash_of, is_secret_of, looks_like_one, new_token
from voices.database import read, write
from voices.models import Voice

# docs/protocol.md, Query parameters and tokens: a token works once, within 15 minutes.
TOKEN_LIFE = datetime.timedelta(minutes=15)
MOST_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and what it may: a key's settings as they were when it was asked for. Without a key: anybody.

    `voices`: the ids that it may use; None for all. `forward_prefixes`: how the channels begin that it may listen to; None
    for all that the settings allow. A limit that is None does not exist. `expires_at` None: never.
    `confirmed_at`: when the database has said all this, by the clock of `KnownKeys`.
    """

    key_id: int | None = None
    name: str = ""
    voices: frozenset[str] | None = None
    may_manage_voices: bool = True
    forward_prefixes: tuple[str, ...] | None = None
    max_concurrent_streams: int | None = None
    max_characters_per_month: int | None = None
    max_requests_per_second: float | None = None
    expires_at: datetime.datetime | None = None
    confirmed_at: float | None = field(default=None, compare=False)

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def may_use(self, voice_id: str) -> bool:
        return self.voices is None or voice_id in self.voices

    def require_voice(self, voice_id: str) -> None:
        """Raises Refused."""
        if not self.may_use(voice_id):
            raise refusals.voice_not_allowed(voice_id)

    def require_channel(self, channel: str) -> None:
        """Raises Refused."""
        if self.forward_prefixes is not None and not channel.startswith(self.forward_prefixes):
            raise refusals.channel_not_allowed(channel, self.forward_prefixes)

    def require_managing_voices(self) -> None:
        """Raises Refused."""
        if not self.may_manage_voices:
            raise refusals.may_not_manage_voices()


ANYBODY = Client()


async def identify(credentials: Credentials, *, required: bool) -> Client:
    """Whose credentials these are. Raises Refused, and DatabaseError.

    Unless keys are `required`, a text that is no key of ours is like none: many clients cannot be made to send none. A key
    or token of ours that is not valid is refused in any case: who was shut out must not get in as anybody. A single-use
    token is used up by this.
    """
    if not credentials and not required:
        return ANYBODY  # known without asking anybody
    ask = write if credentials.single_use_token else read
    return await ask(identify_now, credentials, required=required)


def identify_now(credentials: Credentials, *, required: bool) -> Client:
    """The same, not for the event loop."""
    is_refused = required
    for client in _clients_of(credentials):
        if client is None:
            is_refused = True
        elif client.key_id is not None:
            return client
        # A token of nobody's key is worth as much as no key.
    if is_refused:
        raise refusals.bad_key() if credentials else refusals.no_key()
    return ANYBODY


async def identified_again(client: Client) -> Client:
    """The client with its key's settings as they are now. Raises Refused when its key is not valid any more."""
    if client.key_id is None:
        return client
    key = await read(_valid_key, client.key_id)
    if key is None:
        raise refusals.bad_key()
    return key


def clients_with(key_ids: Collection[int]) -> dict[int, Client]:
    """Those of these keys that are valid now, by their ids. Not for the event loop. Raises DatabaseError."""
    keys = ApiKey.objects.valid().filter(pk__in=key_ids)
    limited = [key.pk for key in keys if not key.all_voices]
    voices: dict[int, set[str]] = {}
    if limited:
        allowed = ApiKey.voices.through.objects.filter(apikey_id__in=limited)
        for key_id, voice_id in allowed.values_list("apikey_id", "voice__voice_id"):
            voices.setdefault(key_id, set()).add(voice_id)
    return {key.pk: _client_with(key, None if key.all_voices else frozenset(voices.get(key.pk, ()))) for key in keys}


def let_use(client: Client, voice: Voice) -> None:
    """A client that may not use every voice may use this one from now on. Not for the event loop."""
    if client.key_id is not None and not client.may_use(voice.voice_id):
        ApiKey.objects.get(pk=client.key_id).voices.add(voice)


async def issue_token(client: Client) -> str:
    """A single-use token that stands in for the client. Raises Refused."""
    return await write(_issue_token, client.key_id)


def _clients_of(credentials: Credentials) -> Iterator[Client | None]:
    """For each of the credentials that is in the database, whose it is; None if it is not valid, or not any more."""
    token = credentials.single_use_token
    if token and looks_like_one(token) and (stored := SingleUseToken.objects.filter(hashed=hash_of(token)).first()):
        yield _use_up(stored)
    for secret in (credentials.api_key, credentials.bearer):
        if secret and looks_like_one(secret) and (key := _key_of(secret)):
            yield _client_of(key) if key.is_valid else None


def _key_of(secret: str) -> ApiKey | None:
    # The prefix is no secret; all that is one is compared in constant time.
    alike = ApiKey.objects.filter(prefix=secret[:PREFIX_LENGTH])
    return next((key for key in alike if is_secret_of(secret, key.hashed)), None)


def _valid_key(key_id: int) -> Client | None:
    key = ApiKey.objects.valid().filter(pk=key_id).first()
    return _client_of(key) if key else None


def _client_of(key: ApiKey) -> Client:
    voices = None if key.all_voices else frozenset(key.voices.values_list("voice_id", flat=True))
    return _client_with(key, voices)


def _client_with(key: ApiKey, voices: frozenset[str] | None) -> Client:
    return Client(
        key_id=key.pk,
        name=key.name,
        voices=voices,
        may_manage_voices=key.may_manage_voices,
        forward_prefixes=key.channel_prefixes,
        max_concurrent_streams=key.max_concurrent_streams,
        max_characters_per_month=key.max_characters_per_month,
        max_requests_per_second=key.max_requests_per_second,
        expires_at=key.expires_at,
    )


def _use_up(token: SingleUseToken) -> Client | None:
    fresh = SingleUseToken.objects.filter(pk=token.pk, used_at=None, expires_at__gt=timezone.now())
    # One statement decides: of two that come with the same token at once, one finds it used.
    if not fresh.update(used_at=timezone.now()):
        return None
    return ANYBODY if token.key_id is None else _valid_key(token.key_id)


def _issue_token(key_id: int | None) -> str:
    now = timezone.now()
    SingleUseToken.objects.filter(Q(expires_at__lte=now) | Q(used_at__isnull=False)).delete()
    if SingleUseToken.objects.filter(key_id=key_id).count() >= MOST_TOKENS:
        raise refusals.too_many_tokens(MOST_TOKENS)
    token = new_token()
    SingleUseToken.objects.create(hashed=hash_of(token), key_id=key_id, expires_at=now + TOKEN_LIFE)
    return token
