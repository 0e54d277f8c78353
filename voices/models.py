"""Which recordings are `voice_id`?"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, get_args

from django.core.validators import RegexValidator
from django.db import connections, models, transaction
from django.db.models import Exists, OuterRef, Prefetch
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from voices.changes import VoiceChange, note_change, note_changes_of
from voices.dictionaries import PronunciationDictionary, PronunciationRule
from voices.labels import check_labels
from voices.preparation import PreparationRun
from voices.reference_clips import SOUND_FIELDS, ReferenceClip, clip_path, sound_name
from voices.speaking_settings import SpeakingSettings

__all__ = [
    "PreparationRun",
    "PronunciationDictionary",
    "PronunciationRule",
    "ReferenceClip",
    "Voice",
    "VoiceChange",
    "VoiceConditioning",
    "clip_path",
]

# \Z, because $ would let a line break at the end through.
VOICE_ID = re.compile(r"^[A-Za-z0-9_-]+\Z")
LONGEST_ID = 64
# ElevenLabs' words for where a voice comes from.
Category = Literal["cloned", "premade", "generated", "professional", "famous", "high_quality"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
CATEGORY_NAMES = {
    "cloned": _("cloned"),
    "premade": _("premade"),
    "generated": _("generated"),
    "professional": _("professional"),
    "famous": _("famous"),
    "high_quality": _("high quality"),
}
# How the sound of recordings is made for engines. With another name voices are prepared anew, since what was made of them
# before is of another sound.
READING = "speech 1"


def _key_of(sounds: Iterable[str], seconds: int | None) -> str:
    """`seconds`: of each, those that are used; None: all."""
    ordered = sorted(sounds)
    used = [] if seconds is None else [f"first {seconds} s"]
    return hashlib.sha256("\n".join((READING, *used, *ordered)).encode()).hexdigest() if ordered else ""


def category_of(chosen: str, recordings: object) -> Category:
    """`chosen`: by those who look after the voice; empty: by what it has."""
    if chosen in CATEGORIES:
        return chosen
    return "cloned" if recordings else "premade"


def labels_of(language: str, labels: dict[str, str]) -> dict[str, str]:
    return {**({"language": language} if language else {}), **labels}


class VoiceQuerySet(models.QuerySet["Voice"]):
    def enabled_of(self, voice_ids: Iterable[str]) -> "dict[str, Voice]":
        """The enabled voices of these ids, with their clips and dictionaries loaded."""
        enabled = self.filter(enabled=True, voice_id__in=list(voice_ids)).to_speak()
        return {voice.voice_id: voice for voice in enabled}

    def to_speak(self, clip_pk: int | None = None) -> "VoiceQuerySet":
        """With all that speaking needs: with all recordings, or with that one alone."""
        clips = ReferenceClip.objects.all() if clip_pk is None else ReferenceClip.objects.filter(pk=clip_pk)
        return self.prefetch_related(Prefetch("clips", queryset=clips), "dictionaries")

    def with_category(self) -> "VoiceQuerySet":
        """Which then needs no recordings loaded."""
        recordings = ReferenceClip.objects.filter(voice=OuterRef("pk"))
        return self.annotate(has_recordings=Exists(recordings))


class Voice(SpeakingSettings):
    voice_id = models.CharField(
        _("voice ID"),
        max_length=LONGEST_ID,
        unique=True,
        validators=[RegexValidator(VOICE_ID, _("Use only letters, digits, - and _, because the id is part of a URL."))],
        help_text=_("The voice_id that clients use in URLs."),
    )
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    labels = models.JSONField(
        _("labels"),
        default=dict,
        blank=True,
        validators=[check_labels],
        help_text=_("Clients can search for them."),
    )
    chosen_category = models.CharField(
        _("category"),
        max_length=20,
        blank=True,
        db_default="",
        choices=[(category, CATEGORY_NAMES[category]) for category in CATEGORIES],
        help_text=_("What ElevenLabs' clients are told. Empty: cloned if the voice has recordings, otherwise premade."),
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
        counted: bool | None = vars(self).get("has_recordings")
        return category_of(self.chosen_category, self.clips.all() if counted is None else counted)

    @property
    def all_labels(self) -> dict[str, str]:
        return labels_of(self.language, self.labels)

    @property
    def key(self) -> str:
        """Names the sound of this voice: equal clips that are used alike, equal key. Empty without clips."""
        return _key_of((clip.sound for clip in self.clips.all()), self.reference_seconds)


class VoiceConditioningQuerySet(models.QuerySet["VoiceConditioning"]):
    def drop_unused(self) -> None:
        """Delete what belongs to no voice as its recordings are now."""
        runs = PreparationRun.objects.using(self.db)
        kept = set(self.values_list("key", flat=True)) | set(runs.values_list("key", flat=True))
        if stale := kept - _keys_in_use(self.db):
            self.filter(key__in=stale).delete()
            runs.filter(key__in=stale).delete()


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


note_changes_of(Voice, ReferenceClip)


# On a connection, which is its thread's own, in whose transaction recordings have changed.
_CHANGED = "voices_recordings_changed"


@receiver(m2m_changed, sender=Voice.dictionaries.through)
def note_other_dictionaries(instance: models.Model, action: str, using: str, pk_set: set[int] | None, **_: Any) -> None:
    """From the side of a voice, or from that of a dictionary, whose voices are `pk_set`."""
    if isinstance(instance, Voice):
        changed = {instance.pk} if action.startswith("post_") else set()
    elif action == "pre_clear":
        changed = set(Voice.objects.using(using).filter(dictionaries=instance.pk).values_list("pk", flat=True))
    else:
        changed = (pk_set or set()) if action.startswith("post_") else set()
    for pk in changed:
        note_change(pk, using)


@receiver([post_save, post_delete], sender=ReferenceClip)
def drop_conditioning_of_changed_voices(using: str, **_: Any) -> None:
    """Once after the change, however many recordings it is of, since all recordings are looked at. Whatever a process that
    dies in between leaves goes with the next change. Signals, because deleting a voice deletes its clips without calling
    their `delete`."""
    setattr(connections[using], _CHANGED, True)
    transaction.on_commit(partial(_drop_unused_once, using), using=using, robust=True)


def _drop_unused_once(using: str) -> None:
    if vars(connections[using]).pop(_CHANGED, False):
        VoiceConditioning.objects.using(using).drop_unused()


def _keys_in_use(using: str) -> set[str]:
    sounds: defaultdict[int, list[str]] = defaultdict(list)
    for voice_id, *values in ReferenceClip.objects.using(using).values_list("voice_id", *SOUND_FIELDS):
        sounds[voice_id].append(sound_name(*values))
    seconds = dict(Voice.objects.using(using).exclude(reference_seconds=None).values_list("pk", "reference_seconds"))
    return {_key_of(of_voice, seconds.get(voice)) for voice, of_voice in sounds.items()}
