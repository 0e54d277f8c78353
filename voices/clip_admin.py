"""The recordings of a voice on its page in the admin."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from voices import speech_hook
from voices.containers import PLAYED_BY_BROWSERS
from voices.hearing_admin import hear_button
from voices.models import ReferenceClip, Voice
from voices.numerals import numeral
from voices.reference_clips import EDIT_FIELDS
from voices.voice_form import ACCEPTED, STEPS, most_rows

if TYPE_CHECKING:
    ClipInlineBase = admin.StackedInline[ReferenceClip, Voice]
    ClipFormBase = forms.ModelForm[ReferenceClip]
else:  # these classes take no parameters when they run
    ClipInlineBase = admin.StackedInline
    ClipFormBase = forms.ModelForm


class ClipForm(ClipFormBase):
    def has_changed(self) -> bool:
        """A row without a recording is empty, whatever its other fields are."""
        return super().has_changed() and (self.instance.pk is not None or self.add_prefix("file") in self.files)


class ReferenceClipInline(ClipInlineBase):
    model = ReferenceClip
    form = ClipForm
    # New ones come through the form's own field, which takes several at once.
    extra = max_num = 0
    fields = ("sound", "hear", "facts", "advice", ("trim_start", "trim_end", "gain"), "file")
    readonly_fields = ("sound", "hear", "facts", "advice")
    # Django's own widget links to the file's address, and recordings have none: VoiceAdmin serves them, by its own rules.
    formfield_overrides = {  # noqa: RUF012
        models.FileField: {
            "widget": forms.FileInput(attrs={"accept": ACCEPTED}),
            "label": _("Replace by"),
            "help_text": _("Another recording in place of this one."),
        },
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the file where it cannot be changed: Django would show a link to its address."""
        hidden = {"file"} if self._only_shows(request, obj) else set()
        if speech_hook.speech() is None:
            hidden.add("hear")
        return [name for name in self.fields if name not in hidden]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        most = most_rows(obj.clips.count() if obj else 0)
        formset = super().get_formset(request, obj, **kwargs | {"absolute_max": most})
        for name in EDIT_FIELDS:
            if field := formset.form.base_fields.get(name):
                field.widget.attrs |= {"step": STEPS[name]}
        return formset

    def _only_shows(self, request: HttpRequest, voice: Voice | None) -> bool:
        return self.has_view_permission(request, voice) and not self.has_change_permission(request, voice)

    @admin.display(description=_("Recording"))
    def sound(self, clip: ReferenceClip) -> str:
        """A player and the waveform. What browsers do not play can be saved."""
        if clip.pk is None:
            return ""
        bars = " ".join(f"M{x} {20 - 19 * peak:.1f}V{20 + 19 * peak:.1f}" for x, peak in enumerate(clip.peaks))
        address = reverse(f"{self.admin_site.name}:voices_clip_audio", args=[clip.pk])
        return render_to_string(
            "admin/voices/recording.html",
            {"clip": clip, "bars": bars, "address": address, "is_played": clip.suffix in PLAYED_BY_BROWSERS},
        )

    @admin.display(description=_("Voice"))
    def hear(self, clip: ReferenceClip) -> str:
        """A sentence in the voice of this recording alone."""
        return "" if clip.pk is None else hear_button(self.admin_site, "clip", clip.pk, clip.original_name)

    @admin.display(description=_("Measured"))
    def facts(self, clip: ReferenceClip) -> str:
        if clip.pk is None:
            return ""
        values = [
            seconds_shown(clip.duration_seconds),
            gettext("%(rate)d Hz, %(channels)s")
            % {"rate": clip.sample_rate, "channels": channels_shown(clip.channels)},
            gettext("%(kind)s, %(size)s MB")
            % {"kind": clip.suffix.upper(), "size": numeral(clip.size_bytes / 2**20, ".1f")},
        ]
        if clip.speech_seconds is not None:
            seconds = numeral(clip.speech_seconds, ".1f")
            values.insert(1, gettext("%(seconds)s s of speech are used") % {"seconds": seconds})
        return " · ".join(values)

    @admin.display(description=_("Advice"))
    def advice(self, clip: ReferenceClip) -> str:
        if clip.pk is None or clip.speech_seconds is None:
            return ""
        if not clip.all_findings:
            return gettext("Nothing was found that would harm the voice.")
        sentences = format_html_join("", "<li>{}</li>", ((str(found),) for found in clip.all_findings))
        return format_html('<ul class="clip-findings">{}</ul>', sentences)


def seconds_shown(seconds: float) -> str:
    return gettext("%(seconds)s s") % {"seconds": numeral(seconds, ".1f")}


def channels_shown(count: int) -> str:
    if count == 1:
        return gettext("mono")
    if count == 2:
        return gettext("stereo")
    return ngettext("%(count)d channel", "%(count)d channels", count) % {"count": count}
