"""The recordings of voices. The original is kept as it came; models read a copy of it (`model_copy`)."""

import hashlib
import math
import secrets
import tempfile
import weakref
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from voices.clip_files import Overtaken, delete_after_commit, store, stored_with_rows
from voices.clips import ClipError, ClipFacts, ClipLimits, read_clip
from voices.conf import get_config
from voices.decoding import UNEDITED, Edit
from voices.examining import is_refused, once
from voices.findings import Finding, stored_findings
from voices.storage import StorageUnavailable
from voices.survey import Part, copy_rate

LARGEST_GAIN = 30.0
# A day: longer than any recording.
LATEST_SECOND = 86_400.0
# Where the files of each field are.
FOLDERS = {"file": "clips", "model_copy": "copies"}
# What names the sound that models read, in the order of `sound_name`.
EDIT_FIELDS = ("trim_start", "trim_end", "gain")
WITH_UNITS = {"trim_start": _("Start, s"), "trim_end": _("End, s"), "gain": _("Gain, dB")}
SOUND_FIELDS = ("sha256", "sample_rate", *EDIT_FIELDS)
# The copy of a shorter recording stays in memory until it is stored.
_COPY_IN_MEMORY = 2**20


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
    return f"{FOLDERS['file']}/{secrets.token_hex(16)}.{clip.suffix}"


def copy_path(_clip: "ReferenceClip", _name: str) -> str:
    return f"{FOLDERS['model_copy']}/{secrets.token_hex(16)}.wav"


def sound_name(sha256: str, sample_rate: int, start: float, end: float | None, gain: float) -> str:
    """Equal sounds have equal names. That of a recording that is used as it is, is its hash."""
    changes = []
    if (rate := copy_rate(sample_rate)) != sample_rate:
        changes.append(f"at {rate}")
    if (start, end, gain) != (0.0, None, 0.0):
        changes.append(f"{start!r} {end!r} {gain!r}")
    return " ".join((sha256, *changes))


@dataclass(frozen=True)
class ReadClip:
    """`copy` is what models read, and `copy_sha256` its hash. `stored`: the names of files that were stored ahead."""

    facts: ClipFacts
    copy: IO[bytes]
    copy_sha256: str
    stored: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weakref.finalize(self, self.copy.close)


def read_upload(file: Any, edit: Edit = UNEDITED) -> ReadClip:
    """Of a recording that was uploaded. Raises ClipError, and DecoderUnavailable."""
    return once(file, lambda: _read(file, edit), edit)


def _read(file: Any, edit: Edit) -> ReadClip:
    facts, copy = read_clip(file, clip_limits(), edit)
    kept = tempfile.SpooledTemporaryFile(_COPY_IN_MEMORY)  # noqa: SIM115 - closed with what it belongs to
    try:
        kept.write(copy)
        kept.seek(0)  # not every storage begins at the beginning
    except OSError as error:
        text = gettext("The recording cannot be stored: %(reason)s. Nothing was changed. Ask who runs this server.")
        raise ClipError(text % {"reason": error.strerror}) from None
    return ReadClip(facts, kept, hashlib.sha256(copy).hexdigest())


class ReferenceClip(models.Model):
    """One recording of a voice. All but the file and its edit is measured from the file, in `clean`; save only what was
    cleaned."""

    voice = models.ForeignKey("voices.Voice", on_delete=models.CASCADE, related_name="clips", verbose_name=_("voice"))
    file = models.FileField(_("file"), upload_to=clip_path, max_length=255)
    trim_start = models.FloatField(
        _("start"),
        default=0.0,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(LATEST_SECOND)],
        help_text=_("Seconds. What is before it is not used."),
    )
    trim_end = models.FloatField(
        _("end"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(LATEST_SECOND)],
        help_text=_("Seconds. What is after it is not used. Empty: the end of the recording."),
    )
    gain = models.FloatField(
        _("gain"),
        default=0.0,
        blank=True,
        validators=[MinValueValidator(-LARGEST_GAIN), MaxValueValidator(LARGEST_GAIN)],
        help_text=_("dB. 6 makes the recording twice as loud, -6 half as loud."),
    )
    original_name = models.CharField(max_length=255, blank=True, editable=False)
    suffix = models.CharField(max_length=8, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    duration_seconds = models.FloatField(blank=True, editable=False)
    sample_rate = models.PositiveIntegerField(blank=True, editable=False)
    channels = models.PositiveSmallIntegerField(blank=True, editable=False)
    size_bytes = models.PositiveIntegerField(blank=True, editable=False)
    peaks = models.JSONField(default=list, blank=True, editable=False)
    speech_seconds = models.FloatField(null=True, blank=True, editable=False)
    suggested_gain = models.FloatField(default=0.0, blank=True, editable=False)
    findings = models.JSONField(default=list, blank=True, editable=False)
    # What models read: one channel, without long silence, from trim_start to trim_end, with the gain. Recordings of older
    # versions get theirs when it is first needed. `copy_of`: the sound that it has.
    model_copy = models.FileField(upload_to=copy_path, max_length=255, blank=True, editable=False)
    copy_of = models.CharField(max_length=200, blank=True, editable=False)
    copy_sha256 = models.CharField(max_length=64, blank=True, editable=False)
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
        """Raises NotSaved."""
        using = options.get("using") or router.db_for_write(ReferenceClip, instance=self)
        with stored_with_rows():
            replaced = self._store_files()
            with transaction.atomic(using=using):
                before = self._locked(using, replaced)
                if before and not replaced:
                    self._take_copy_of(before)
                super().save(**options)
                for name in replaced if before else ():
                    delete_after_commit(getattr(self, name).storage, getattr(before, name).name)

    def _locked(self, using: str, replaced: Collection[str]) -> "ReferenceClip | None":
        """As it is stored now, while nobody else can change it: two people may replace it at once. Raises Overtaken."""
        if self._state.adding or not self.pk:
            return None
        before = ReferenceClip.objects.using(using).select_for_update().filter(pk=self.pk).first()
        if before is None or not ("file" in replaced or before.file.name == self.file.name):
            raise Overtaken((self.pk, self.edit))
        return before

    def _take_copy_of(self, stored: "ReferenceClip") -> None:
        """Another copy may have been made since this was read, and the file of the one before deleted."""
        for name in ("model_copy", "copy_of", "copy_sha256"):
            setattr(self, name, getattr(stored, name))

    def clean(self) -> None:
        super().clean()
        self.trim_start, self.gain = self.trim_start or 0.0, self.gain or 0.0  # a form may leave them empty
        if not self.edit_is_possible():  # what is wrong with it, its fields say
            return
        try:
            if self._has_new_file():
                self._take(read_upload(self.file.file, self.edit))
                self.original_name = PurePosixPath(self.file.name or "").name
            elif self.pk and (self._has_new_edit() or is_refused(None, (self.pk, self.edit))):
                self._take(self.read_again())
        except ClipError as error:
            raise ValidationError({error.field: str(error)}) from None

    def edit_is_possible(self) -> bool:
        try:
            for name in EDIT_FIELDS:
                self._meta.get_field(name).clean(getattr(self, name), self)  # type: ignore[union-attr]
        except ValidationError:
            return False
        return all(math.isfinite(value) for value in (self.trim_start, self.trim_end or 0.0, self.gain))

    @property
    def edit(self) -> Edit:
        return Edit(Part(self.trim_start or 0.0, self.trim_end), self.gain or 0.0)

    @property
    def sound(self) -> str:
        return sound_name(*(getattr(self, name) for name in SOUND_FIELDS))

    @property
    def all_findings(self) -> list[Finding]:
        return stored_findings(self.findings)

    def read_again(self) -> ReadClip:
        """The stored recording, as it is to be used now. Raises ClipError, and DecoderUnavailable."""
        return once(None, self._read_stored, (self.pk, self.edit))

    def _read_stored(self) -> ReadClip:
        try:
            with self.file.storage.open(str(self.file.name)) as file:
                return _read(file, self.edit)
        except StorageUnavailable as error:
            raise ClipError(str(error), "trim_start") from None
        except OSError:
            raise ClipError(gettext("The file of this recording no longer exists."), "trim_start") from None

    def _take(self, read: ReadClip) -> None:
        for name, value in vars(read.facts).items():
            setattr(self, name, value)
        self._new_copy = read

    def store(self) -> None:
        """Store the files of a new recording before `save`, which needs a transaction. Only within `stored_with_rows`.
        Raises FileNotStored."""
        self._store_files()

    def store_ahead(self, read: ReadClip) -> None:
        """`store`, for whoever saves it by another instance that `clean` gives the same `read`."""
        self._take(read)
        replaced = self._store_files()
        read.stored.update({name: str(getattr(self, name).name) for name in replaced})

    def _store_files(self) -> list[str]:
        """Store what `clean` has read: the fields whose files are new. Raises FileNotStored."""
        read: ReadClip | None = vars(self).pop("_new_copy", None)
        ahead = read.stored if read else {}
        replaced: list[str] = []
        examined: tuple[Any, Hashable] = (None, (self.pk, self.edit))
        if self._has_new_file():
            upload = self.file.file
            examined = (upload, self.edit)
            self.file = ahead.pop("file", "") or store(self.file.storage, clip_path(self, ""), upload, examined)
            replaced.append("file")
        if read is not None:
            name, storage = copy_path(self, ""), self.model_copy.storage
            self.model_copy = ahead.pop("model_copy", "") or store(storage, name, File(read.copy, name), examined)
            self.copy_sha256, self.copy_of = read.copy_sha256, self.sound
            replaced.append("model_copy")
        return replaced

    def _has_new_file(self) -> bool:
        # Django has no public word for "not stored yet".
        return bool(self.file) and not self.file._committed  # type: ignore[attr-defined]

    def _has_new_edit(self) -> bool:
        stored = ReferenceClip.objects.filter(pk=self.pk).first()
        return stored is not None and stored.edit != self.edit


@receiver(post_delete, sender=ReferenceClip)
def delete_files_of_deleted_clip(instance: ReferenceClip, **_: Any) -> None:
    """A signal, because deleting a voice deletes its clips without calling their `delete`."""
    for file in (instance.file, instance.model_copy):
        delete_after_commit(file.storage, file.name)
