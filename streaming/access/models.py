"""Who may speak, and how much they have spoken."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from streaming.access.secret_text import PREFIX_LENGTH, hash_of, new_key
from voices.models import Voice

MOST_PREFIXES, MOST_PREFIX_CHARS = 100, 200


def prefixes_in(text: str) -> list[str]:
    """One per line; an empty line is none, because every channel begins with it."""
    return [prefix for line in text.splitlines() if (prefix := line.strip())]


def check_prefixes(text: str) -> None:
    """Raises ValidationError."""
    prefixes = prefixes_in(text)
    if len(prefixes) > MOST_PREFIXES or any(len(prefix) > MOST_PREFIX_CHARS for prefix in prefixes):
        sentence = _("At most %(most)d prefixes of at most %(length)d characters.")
        raise ValidationError(sentence % {"most": MOST_PREFIXES, "length": MOST_PREFIX_CHARS})
    if not all(prefix.isprintable() for prefix in prefixes):
        raise ValidationError(_("A prefix contains an unsupported character."))


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def valid(self) -> "ApiKeyQuerySet":
        """Keys that are valid now."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), enabled=True)

    def with_characters_of_month(self, day: datetime.date) -> "ApiKeyQuerySet":
        """With `characters_of_month`: what each key has spoken in the month of `day`."""
        spoken = DailyUsage.objects.in_month(day).filter(key=OuterRef("pk")).order_by().values("key")
        sums = spoken.annotate(sum=Sum("characters")).values("sum")
        return self.annotate(characters_of_month=Coalesce(Subquery(sums), 0))

    def create_with_secret(self, **fields: Any) -> tuple["ApiKey", str]:
        """A new key and its text, which is not stored anywhere. Raises ValidationError."""
        key = ApiKey(**fields)
        secret = key.take_new_secret()
        key.full_clean()
        key.save()
        return key, secret


class ApiKey(models.Model):
    """`prefix` is the beginning of the key, `hashed` its SHA-256. A limit that is None does not exist."""

    name = models.CharField(_("name"), max_length=100, help_text=_("Who or what the key is for."))
    prefix = models.CharField(_("key"), max_length=PREFIX_LENGTH, db_index=True, editable=False)
    hashed = models.CharField(max_length=64, unique=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("UTC. Empty: the key does not expire.")
    )
    all_voices = models.BooleanField(
        _("all voices"), default=True, help_text=_("Otherwise the key may use only the voices chosen below.")
    )
    voices = models.ManyToManyField(Voice, blank=True, verbose_name=_("voices"))
    may_manage_voices = models.BooleanField(
        _("may manage voices"), default=False, help_text=_("Add, edit and delete voices over HTTP.")
    )
    forward_prefixes = models.TextField(
        _("prefixes of channels"),
        blank=True,
        validators=[check_prefixes],
        help_text=_(
            "One per line. The key may listen to the channels of forward mode that begin with one of them and that "
            "forward.allowed_prefixes allows. End each with a separator: “sess:alice” would also mean “sess:alice2”, "
            "“sess:alice:” does not. Empty: none."
        ),
    )
    max_concurrent_streams = models.PositiveIntegerField(
        _("concurrent streams"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("At most so many at once. Empty: no limit."),
    )
    max_characters_per_month = models.PositiveBigIntegerField(
        _("characters per month"),
        null=True,
        blank=True,
        help_text=_("Counted from the first day of the month, UTC. Empty: no limit."),
    )
    max_requests_per_second = models.FloatField(
        _("requests per second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text=_("Empty: no limit."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def channel_prefixes(self) -> tuple[str, ...]:
        return tuple(prefixes_in(self.forward_prefixes))

    @property
    def is_valid(self) -> bool:
        """Now."""
        return self.enabled and (self.expires_at is None or self.expires_at > timezone.now())

    def take_new_secret(self) -> str:
        """Not saved yet."""
        secret = new_key()
        self.prefix, self.hashed = secret[:PREFIX_LENGTH], hash_of(secret)
        return secret


@dataclass(slots=True)
class Amounts:
    """Usage. Characters can be negative, when text was charged earlier and then not spoken."""

    characters: int = 0
    audio_seconds: float = 0.0
    requests: int = 0
    errors: int = 0

    def __iadd__(self, more: "Amounts") -> "Amounts":
        self.characters += more.characters
        self.audio_seconds += more.audio_seconds
        self.requests += more.requests
        self.errors += more.errors
        return self


@dataclass(frozen=True, slots=True)
class UsageSlot:
    """What a row of usage belongs to. `key_id` None: usage without a key."""

    key_id: int | None
    voice_id: str
    day: datetime.date


class DailyUsageQuerySet(models.QuerySet["DailyUsage"]):
    def add(self, slot: UsageSlot, amounts: Amounts) -> None:
        """In one statement, so that several processes may count in the same row."""
        row = {"key_id": slot.key_id, "voice_id": slot.voice_id, "day": slot.day}
        more = {name: F(name) + getattr(amounts, name) for name in COUNTED}
        if self.filter(**row).update(**more):
            return
        try:
            with transaction.atomic():
                self.create(**row, **{name: getattr(amounts, name) for name in COUNTED})
        except IntegrityError:  # another process was first
            self.filter(**row).update(**more)

    def characters_of_month(self, key_id: int, day: datetime.date) -> int:
        """Spoken with this key in the month of `day`."""
        month = self.in_month(day).filter(key_id=key_id)
        return int(month.aggregate(Sum("characters", default=0))["characters__sum"])

    def in_month(self, day: datetime.date) -> "DailyUsageQuerySet":
        return self.filter(day__gte=day.replace(day=1), day__lt=first_of_next_month(day))


class DailyUsage(models.Model):
    """The sums of one day (UTC), key and voice. `voice_id` is text, for voices come and go."""

    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="usage", verbose_name=_("API key")
    )
    voice_id = models.CharField(_("voice"), max_length=64)
    day = models.DateField(_("day"))
    characters = models.BigIntegerField(_("characters"), default=0)
    audio_seconds = models.FloatField(_("seconds of audio"), default=0.0)
    requests = models.BigIntegerField(_("requests"), default=0)
    errors = models.BigIntegerField(_("errors"), default=0)

    objects = DailyUsageQuerySet.as_manager()

    class Meta:
        ordering = ("-day", "key", "voice_id")
        verbose_name = verbose_name_plural = _("usage by day")
        constraints = (
            models.UniqueConstraint(fields=("key", "voice_id", "day"), name="one_row_per_key_voice_and_day"),
            # For SQL, no key is unlike no key.
            models.UniqueConstraint(
                fields=("voice_id", "day"), condition=Q(key=None), name="one_row_without_key_per_voice_and_day"
            ),
        )
        indexes = (models.Index(fields=("key", "day"), name="usage_of_key_by_day"),)

    def __str__(self) -> str:
        return f"{self.day}, {self.voice_id}"


COUNTED: Iterable[str] = ("characters", "audio_seconds", "requests", "errors")


def first_of_next_month(day: datetime.date) -> datetime.date:
    return (day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


class SingleUseToken(models.Model):
    """Stands in for a key once. `key` None: made by a client that needed none."""

    hashed = models.CharField(max_length=64, unique=True)
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"of {self.key}, until {self.expires_at}"
