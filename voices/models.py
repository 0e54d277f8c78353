"""Which recordings are `voice_id`?"""

import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from voices.clips import ClipError, ClipFacts, ClipLimits, inspect_clip
from voices.conf import get_config
from voices.dictionaries import PronunciationDictionary, PronunciationRule
from voices.examining import once
from voices.labels import check_labels

__all__ = ["PronunciationDictionary", "PronunciationRule", "ReferenceClip", "Voice", "VoiceConditioning"]

# \Z, because $ would let a line break at the end through.
VOICE_ID = re.compile(r"^[A-Za-z0-9_-]+\Z")
LONGEST_ID = 64
Category = Literal["cloned", "premade"]
# How the sound of recordings is made for engines. With another name voices are prepared anew, since what was made of them
# before is of another sound.
READING = "speech 1"
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,6})?\Z")


def clip_limits() -> ClipLimits:
    voices = get_config()
    return ClipLimits(
        min_seconds=voices.min_clip_seconds,
        max_seconds=voices.max_clip_seconds,
        max_bytes=int(voices.max_clip_megabytes * 2**20),
        max_decode_seconds=voices.max_decode_seconds,
        max_decode_bytes=int(voices.max_decode_megabytes * 2**20),
    )


def clip_path(clip: "ReferenceClip", _uploaded_name: str) -> str:
    """Where a clip is stored, below MEDIA_ROOT. The uploader's name has no say in it."""
    return f"clips/{secrets.token_hex(16)}.{clip.suffix}"


def _key_of(hashes: Iterable[str]) -> str:
    ordered = sorted(hashes)
    return hashlib.sha256("\n".join((READING, *ordered)).encode()).hexdigest() if ordered else ""


class VoiceQuerySet(models.QuerySet["Voice"]):
    def enabled_of(self, voice_ids: Iterable[str]) -> "dict[str, Voice]":
        """The enabled voices of these ids, with their clips loaded."""
        enabled = self.filter(enabled=True, voice_id__in=list(voice_ids)).prefetch_related("clips")
        return {voice.voice_id: voice for voice in enabled}


class Voice(models.Model):
    voice_id = models.CharField(
        _("voice ID"),
        max_length=LONGEST_ID,
        unique=True,
        validators=[RegexValidator(VOICE_ID, _("Use only letters, digits, - and _, because the id is part of a URL."))],
        help_text=_("The voice_id that clients use in URLs."),
    )
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(LANGUAGE, _("Use a language code such as en or zh-cn."))],
        help_text=_("The language if a request names none, for instance en or zh-cn. Empty: the server's default."),
    )
    speed = models.FloatField(
        _("speed"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.5), MaxValueValidator(2.0)],
        help_text=_("0.5 (slow) to 2.0 (fast), if a request names no speed. Empty: 1.0."),
    )
    labels = models.JSONField(
        _("labels"),
        default=dict,
        blank=True,
        validators=[check_labels],
        help_text=_('Labels that clients can search for, as JSON: {"accent": "scottish", "gender": "female"}.'),
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Clients cannot use or see a disabled voice.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    objects = VoiceQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("voice")
        verbose_name_plural = _("voices")

    def __str__(self) -> str:
        return f"{self.name} ({self.voice_id})"

    @property
    def category(self) -> Category:
        """ElevenLabs' word for where a voice comes from."""
        return "cloned" if self.clips.all() else "premade"

    @property
    def all_labels(self) -> dict[str, str]:
        language = {"language": self.language} if self.language else {}
        return {**language, **self.labels}

    @property
    def key(self) -> str:
        """Names the sound of this voice: equal clips, equal key. Empty without clips."""
        return _key_of(clip.sha256 for clip in self.clips.all())


def clip_facts(file: Any) -> ClipFacts:
    """Of a recording that was uploaded. Raises ClipError."""
    return once(file, lambda: inspect_clip(file, clip_limits()))


class ReferenceClip(models.Model):
    """One recording of a voice. All but the file is measured from the file, in `clean`; save only what was cleaned."""

    voice = models.ForeignKey(Voice, on_delete=models.CASCADE, related_name="clips", verbose_name=_("voice"))
    file = models.FileField(_("file"), upload_to=clip_path, max_length=255)
    original_name = models.CharField(max_length=255, blank=True, editable=False)
    suffix = models.CharField(max_length=8, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    duration_seconds = models.FloatField(blank=True, editable=False)
    sample_rate = models.PositiveIntegerField(blank=True, editable=False)
    channels = models.PositiveSmallIntegerField(blank=True, editable=False)
    size_bytes = models.PositiveIntegerField(blank=True, editable=False)
    peaks = models.JSONField(default=list, blank=True, editable=False)
    # Put there by `setup` for model.speaker_wav, which may replace it; what people upload is theirs.
    from_settings = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")

    def __str__(self) -> str:
        return self.original_name

    def save(self, **options: Any) -> None:
        replaced = ReferenceClip.objects.filter(pk=self.pk).first() if self.pk and self._has_new_file() else None
        super().save(**options)
        if replaced:
            _delete_file(replaced)

    def clean(self) -> None:
        super().clean()
        if not self._has_new_file():
            return
        try:
            facts = clip_facts(self.file.file)
        except ClipError as error:
            raise ValidationError({"file": str(error)}) from None
        self.original_name = PurePosixPath(self.file.name or "").name
        for name, value in vars(facts).items():
            setattr(self, name, value)

    def _has_new_file(self) -> bool:
        # Django has no public word for "not stored yet".
        return bool(self.file) and not self.file._committed  # type: ignore[attr-defined]


@receiver(post_delete, sender=ReferenceClip)
def delete_file_of_deleted_clip(instance: ReferenceClip, **_: Any) -> None:
    """A signal, because deleting a voice deletes its clips without calling their `delete`."""
    _delete_file(instance)


class VoiceConditioningQuerySet(models.QuerySet["VoiceConditioning"]):
    def drop_unused(self) -> None:
        """Delete what belongs to no voice as its recordings are now."""
        stale = set(self.values_list("key", flat=True)) - _keys_in_use()
        if stale:
            self.filter(key__in=stale).delete()


class VoiceConditioning(models.Model):
    """What one engine made of the recordings of a voice. Found by the sound, not by the voice: `key` is `Voice.key`,
    `fingerprint` the engine's."""

    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=128)
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VoiceConditioningQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("key", "fingerprint"), name="one_conditioning_per_engine"),)

    def __str__(self) -> str:
        return f"{self.key:.12} for {self.fingerprint:.12}"


@receiver([post_save, post_delete], sender=ReferenceClip)
def drop_conditioning_of_changed_voices(**_: Any) -> None:
    """In the transaction of the change. Signals, because deleting a voice deletes its clips without calling their
    `delete`."""
    VoiceConditioning.objects.drop_unused()


def _keys_in_use() -> set[str]:
    hashes: defaultdict[int, list[str]] = defaultdict(list)
    for voice_id, sha256 in ReferenceClip.objects.values_list("voice_id", "sha256"):
        hashes[voice_id].append(sha256)
    return {_key_of(of_voice) for of_voice in hashes.values()}


def _delete_file(clip: ReferenceClip) -> None:
    """Only once it is certain that no row names the file. A disk that refuses is logged, no more."""
    if clip.file.name:
        transaction.on_commit(partial(clip.file.storage.delete, clip.file.name), robust=True)
