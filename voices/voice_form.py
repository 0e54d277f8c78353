"""The form of a voice: new recordings are chosen, dropped or recorded there, several at once."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from voices.conf import get_config, xtts_settings
from voices.examining import UNUSABLE
from voices.library import check_count, examined
from voices.models import ReferenceClip, Voice
from voices.reading_texts import READING_TEXTS
from voices.reference_clips import EDIT_FIELDS, read_upload

if TYPE_CHECKING:
    VoiceFormBase = forms.ModelForm[Voice]
else:  # this class takes no parameters when it runs
    VoiceFormBase = forms.ModelForm

NEW_RECORDINGS = "recordings"
# Of a number in a database, in digits.
_LONGEST_PK = 19
GOOD_RECORDING = _(
    "6 to 30 seconds of clean speech make a good voice: one speaker, close to the microphone, speaking as the voice "
    "should speak; no music, echo, noise or second speaker. Long silence is removed. The formats of phones, browsers and "
    "editors are accepted: WAV, FLAC, MP3, M4A, AAC, OGG, Opus, WebM, AMR, 3GP, AIFF and CAF, and the sound of videos (MP4, "
    "MOV, WebM). WAV and FLAC are best. Several recordings of one speaker are combined. XTTS speaks in the voice of the "
    "recordings. The embedded engine cannot clone: it only stores them, and every voice sounds like its own."
)
# Media types for phones, which offer to record one then; names for the kinds of files whose types not every system knows.
ACCEPTED = (
    "audio/*,video/mp4,video/quicktime,video/webm,.wav,.w64,.flac,.mp3,.m4a,.aac,.ogg,.opus,.webm,.amr,.3gp,.aiff,.caf"
)


class RecordingsInput(forms.FileInput):
    """A file input for several files. Scripts of the page add the recorder and a place to drop files at."""

    allow_multiple_selected = True
    template_name = "admin/voices/recordings_input.html"

    class Media:
        css = {"all": ("voices/recordings.css",)}  # noqa: RUF012
        js = ("voices/chosen_files.js", "voices/recorder.js", "voices/trim.js")

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        config = get_config()
        context["reading_texts"] = READING_TEXTS
        context["most_files"], context["most_seconds"] = config.max_clips_per_voice, config.max_clip_seconds
        context["most_bytes"] = int(config.max_clip_megabytes * 2**20)
        # The server's limit of a whole form, where it tells one: whatever is longer gets no page as an answer.
        service = xtts_settings().get("service") or {}
        context["most_upload_bytes"] = int(service.get("max_upload_megabytes", 0) * 2**20)
        return context


class RecordingsField(forms.FileField):
    """A list of files."""

    widget = RecordingsInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Without new files, the widget gives an empty list."""
        return bool(data)

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each by Django's own rules, and what is wrong with each."""
        files, errors = [], []
        for file in data or []:
            try:
                files.append(super().clean(file, initial))
            except ValidationError as error:
                errors += [ValidationError(f"{file.name}: {message}") for message in error.messages]
        if errors:
            raise ValidationError(errors)
        return files


class VoiceForm(VoiceFormBase):
    recordings = RecordingsField(
        required=False, label=_("Recordings"), widget=RecordingsInput(attrs={"accept": ACCEPTED, "multiple": True})
    )
    new_clips: list[ReferenceClip]

    class Meta:
        model = Voice
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.new_clips = []

    def clean_recordings(self) -> Any:
        files = self.cleaned_data[NEW_RECORDINGS]
        check_count(self.instance, len(files))
        self.new_clips, errors = examined(self.instance, files)
        if errors:
            raise ValidationError(errors)
        return files


def examine_new(files: Any) -> None:
    """Read the new recordings, before the form does."""
    for file in files.getlist(NEW_RECORDINGS)[: get_config().max_clips_per_voice]:
        with suppress(*UNUSABLE):
            read_upload(file)


def examine_rows(values: Mapping[str, str], files: Mapping[str, Any], clips: "QuerySet[ReferenceClip]") -> None:
    """Read what the rows of recordings bring: other files, and other edits."""
    prefixes = {name.rpartition("-")[0] for name in (*values, *files) if name.startswith("clips-")}
    for prefix in sorted(prefixes):
        pk = values.get(f"{prefix}-id", "")
        clip = clips.filter(pk=pk).first() if pk.isdecimal() and len(pk) < _LONGEST_PK else None
        stored = clip.edit if clip else None
        clip = clip or ReferenceClip()
        _change(clip, values, prefix)
        with suppress(*UNUSABLE):
            if upload := files.get(f"{prefix}-file"):
                read_upload(upload, clip.edit)
            elif stored is not None and stored != clip.edit:
                clip.read_again()


def _change(clip: ReferenceClip, values: Mapping[str, str], prefix: str) -> None:
    """Give the recording the numbers of its row in the form. A number that the form will refuse is left out."""
    for name in EDIT_FIELDS:
        if (value := values.get(f"{prefix}-{name}")) is not None:
            with suppress(ValidationError):
                number = forms.FloatField(required=False).clean(value)
                if number is not None:
                    ReferenceClip._meta.get_field(name).run_validators(number)  # type: ignore[union-attr]
                setattr(clip, name, number)


def listed_errors(page: Iterable[Any]) -> list[dict[str, Any]]:
    """All errors of the fields of these forms, for the list at the top of the page: where it is, its name, what is wrong."""
    return [
        {"id": form[name].id_for_label, "label": form[name].label, "message": message}
        for form in page
        for name, messages in form.errors.items()
        if name in form.fields
        for message in messages
    ]
