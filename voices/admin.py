from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from voices.clip_admin import ReferenceClipInline, seconds_shown
from voices.dictionary_admin import PronunciationDictionaryAdmin
from voices.examining_admin import ExaminingAdmin
from voices.hearing_admin import HearingAdmin
from voices.listed_admin import ValuesFilter
from voices.models import Voice
from voices.settings_admin import SETTINGS_FIELDSETS, SettingsAdmin
from voices.views import clip_audio
from voices.voice_form import (
    GOOD_RECORDING,
    NEW_RECORDINGS,
    Read,
    VoiceForm,
    listed_errors,
    read_new,
    read_rows,
    store_ahead,
)

__all__ = ["PronunciationDictionaryAdmin", "VoiceAdmin"]


class Totals(TypedDict):
    clip_count: int
    total_seconds: float


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    VoiceWithTotals = WithAnnotations[Voice, Totals]


@admin.register(Voice)
class VoiceAdmin(SettingsAdmin, HearingAdmin, ExaminingAdmin):  # type: ignore[misc]  # media are joined
    list_display = ("voice_id", "name", "hear", "state", "language", "enabled", "recordings", "total_length")
    list_editable = ("enabled",)
    list_filter = ("enabled", ("language", ValuesFilter))
    search_fields = ("voice_id", "name", "description")
    readonly_fields = ("hear", "state", "in_effect", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "voice_id", "description", "labels", "chosen_category", "enabled")}),
        *SETTINGS_FIELDSETS,
        (_("History"), {"fields": ("created_at", "updated_at"), "classes": ("collapse",)}),
        (_("Add recordings"), {"fields": (NEW_RECORDINGS,), "description": GOOD_RECORDING}),
    )
    form = VoiceForm
    inlines = (ReferenceClipInline,)

    def examine(self, request: HttpRequest, object_id: str | None) -> None:
        recordings = ReferenceClipInline(Voice, self.admin_site)
        may_add, may_change = recordings.has_add_permission(request, None), recordings.has_change_permission(request)
        read: list[Read] = []
        if may_add:
            read += read_new(request.FILES, request.POST)
        if may_add or may_change:
            voice = self.get_object(request, object_id) if object_id and may_change else None
            read += read_rows(request.POST, request.FILES, voice.clips.all() if voice else ())
        store_ahead(read)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if not self._may_add(request):
            form.base_fields.pop(NEW_RECORDINGS, None)  # not shown is not enough: a form may be posted by anything
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if self._may_add(request):
            return fieldsets
        return [part for part in fieldsets if NEW_RECORDINGS not in part[1]["fields"]]

    def _may_add(self, request: HttpRequest) -> bool:
        """The form has no fields at all for those who may only see voices."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            return False
        return ReferenceClipInline(Voice, self.admin_site).has_add_permission(request, None)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for clip in getattr(form, "new_clips", ()):  # the form of the list has none
            clip.voice = form.instance
            clip.save()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        forms_of_page = [context["adminform"].form]
        for inline in context["inline_admin_formsets"]:
            forms_of_page += inline.formset.forms
        context["listed_errors"] = listed_errors(forms_of_page)
        context["had_files"] = bool(request.FILES)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._clip_audio, cacheable=True)
        return [path("clips/<int:pk>/audio", view, name="voices_clip_audio"), *super().get_urls()]

    def _clip_audio(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For those to whom the page of a voice shows its recordings: to see voices is one right, to hear them another."""
        if not (self.has_view_permission(request) and self.may_hear_clips(request)):
            raise PermissionDenied
        voice = get_object_or_404(self.get_queryset(request), clips__pk=pk)
        if not (self.has_view_permission(request, voice) and self.may_hear_clips(request, voice)):
            raise PermissionDenied
        return clip_audio(request, pk)

    def may_hear_clips(self, request: HttpRequest, voice: Voice | None = None) -> bool:
        recordings = ReferenceClipInline(Voice, self.admin_site)
        return bool(recordings.has_view_permission(request, voice))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Voice]:
        totals = {"clip_count": Count("clips"), "total_seconds": Sum("clips__duration_seconds", default=0.0)}
        voices: QuerySet[Voice] = super().get_queryset(request).annotate(**totals)
        return voices

    @admin.display(description=_("Recordings"), ordering="clip_count")
    def recordings(self, voice: "VoiceWithTotals") -> int:
        return voice.clip_count

    @admin.display(description=_("Total length"), ordering="total_seconds")
    def total_length(self, voice: "VoiceWithTotals") -> str:
        return seconds_shown(voice.total_seconds)
