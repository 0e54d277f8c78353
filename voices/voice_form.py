"""The form of a voice: new recordings are chosen, dropped or recorded there, several at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from voices.conf import get_config, xtts_settings
from voices.examining import UNUSABLE
from voices.library import check_count, examined
from voices.models import ReferenceClip, Voice
from voices.reading_texts import READING_TEXTS
from voices.reference_clips import EDIT_FIELDS, WITH_UNITS, ReadClip, read_upload
from voices.settings_form import SettingsForm

NEW_RECORDINGS = "recordings"
# A recording and what was read of it. None: the form will refuse it.
Read = tuple[ReferenceClip, ReadClip] | None
# Of the numbers of a recording, in its form.
STEPS = {"trim_start": "0.01", "trim_end": "0.01", "gain": "0.5"}
# What else a formset has: its counts, and the row that scripts copy.
_NOT_ROWS = frozenset({"clips", "clips-__prefix__"})
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
        context["edits"] = list(_edits(name))
        context["most_files"], context["most_seconds"] = config.max_clips_per_voice, config.max_clip_seconds
        context["most_bytes"] = int(config.max_clip_megabytes * 2**20)
        # The server's limit of a whole form, where it tells one: whatever is longer gets no page as an answer.
        service = xtts_settings().get("service") or {}
        context["most_upload_bytes"] = int(service.get("max_upload_megabytes", 0) * 2**20)
        return context


def _edits(name: str) -> Iterator[dict[str, Any]]:
    """The numbers of each new recording, as its form will have them once it is stored."""
    for edit in EDIT_FIELDS:
        field: Any = ReferenceClip._meta.get_field(edit)
        least, most = (validator.limit_value for validator in field.validators)
        yield {
            "name": f"{name}-{edit}",
            "label": WITH_UNITS[edit],
            "help": field.help_text,
            "least": least,
            "most": most,
            "step": STEPS[edit],
        }


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


class VoiceForm(SettingsForm):
    recordings = RecordingsField(
        required=False, label=_("Recordings"), widget=RecordingsInput(attrs={"accept": ACCEPTED, "multiple": True})
    )
    new_clips: list[ReferenceClip]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.new_clips = []

    def clean_recordings(self) -> Any:
        files = self.cleaned_data[NEW_RECORDINGS]
        check_count(self.instance, len(files))
        self.new_clips, errors = examined(new_clips(files, self.data, self.instance))
        if errors:
            raise ValidationError(errors)
        return files


def new_clips(files: Sequence[Any], values: Any, voice: Voice | None = None) -> list[ReferenceClip]:
    """Each with its numbers: the page has them once for each file, in the order of the files. Without scripts, it has none.
    Raises ValidationError."""
    columns = [values.getlist(f"{NEW_RECORDINGS}-{name}") for name in EDIT_FIELDS]
    rows = list(zip(*columns, strict=False)) if all(len(column) == len(files) for column in columns) else []
    clips = []
    for file, row in zip_longest(files, rows):
        clip = ReferenceClip(voice=voice, file=file)
        for name, value in zip(EDIT_FIELDS, row or (), strict=False):
            try:
                setattr(clip, name, _number(name, value))
            except ValidationError as error:
                raise ValidationError([f"{file.name}: {WITH_UNITS[name]}: {text}" for text in error.messages]) from None
        clips.append(clip)
    return clips


def read_new(files: Any, values: Any) -> Iterator[Read]:
    """Read the new recordings, before the form does."""
    uploads = files.getlist(NEW_RECORDINGS)
    if len(uploads) > get_config().max_clips_per_voice:
        yield None
        return
    try:
        clips = new_clips(uploads, values)
    except ValidationError:
        yield None
        return
    for clip in clips:
        yield _read(clip, clip.file.file)


def read_rows(values: Mapping[str, str], files: Mapping[str, Any], clips: Iterable[ReferenceClip]) -> Iterator[Read]:
    """Read what the rows of recordings bring: other files, and other edits. `clips`: those of the voice. Of more new ones
    than a voice may have, the form will refuse all."""
    prefixes = {name.rpartition("-")[0] for name in (*values, *files) if name.startswith("clips-")} - _NOT_ROWS
    stored = {str(clip.pk): clip for clip in clips}
    if len(prefixes) > most_rows(len(stored)):
        yield None
        return
    for prefix in sorted(prefixes):
        clip = stored.pop(values.get(f"{prefix}-id", ""), None) or ReferenceClip()
        before = clip.edit
        _change(clip, values, prefix)
        if upload := files.get(f"{prefix}-file"):
            clip.file = upload
            yield _read(clip, upload)
        elif clip.pk and before != clip.edit:
            yield _read(clip, None)


def most_rows(stored: int) -> int:
    """Of recordings in a form, for a voice that has some already."""
    return max(stored, get_config().max_clips_per_voice)


def store_ahead(read: Iterable[Read]) -> None:
    """Store the files of these recordings before the transaction that saves them: a bucket takes its time, and SQLite has
    one writer. Not if the form will fail. Only within `stored_with_rows`. Raises FileNotStored."""
    clips = list(read)
    if None not in clips:
        for clip, content in filter(None, clips):
            clip.store_ahead(content)


def _read(clip: ReferenceClip, upload: Any) -> Read:
    if clip.edit_is_possible():
        with suppress(*UNUSABLE):
            return clip, read_upload(upload, clip.edit) if upload else clip.read_again()
    return None


def _change(clip: ReferenceClip, values: Mapping[str, str], prefix: str) -> None:
    """Give the recording the numbers of its row in the form. A number that the form will refuse is left out."""
    for name in EDIT_FIELDS:
        if (value := values.get(f"{prefix}-{name}")) is not None:
            with suppress(ValidationError):
                number = _number(name, value)
                if number is not None:
                    ReferenceClip._meta.get_field(name).run_validators(number)  # type: ignore[union-attr]
                setattr(clip, name, number)


def _number(name: str, value: str) -> float | None:
    """As the form will have it: an empty one is the field's default. Raises ValidationError."""
    number: float | None = forms.FloatField(required=False).clean(value)
    field: Any = ReferenceClip._meta.get_field(name)
    return field.get_default() if number is None else number


def listed_errors(page: Iterable[Any]) -> list[dict[str, Any]]:
    """All errors of the fields of these forms, for the list at the top of the page: where it is, its name, what is wrong."""
    return [
        {"id": form[name].id_for_label, "label": form[name].label, "message": message}
        for form in page
        for name, messages in form.errors.items()
        if name in form.fields
        for message in messages
    ]
