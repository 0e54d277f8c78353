from typing import TYPE_CHECKING, TypedDict

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from voices.models import ReferenceClip, Voice


class Totals(TypedDict):
    clip_count: int
    total_seconds: float


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    VoiceWithTotals = WithAnnotations[Voice, Totals]
    ClipInlineBase = admin.TabularInline[ReferenceClip, Voice]
    VoiceAdminBase = admin.ModelAdmin[Voice]
else:  # these classes take no parameters when they run
    ClipInlineBase, VoiceAdminBase = admin.TabularInline, admin.ModelAdmin

admin.site.site_header = admin.site.site_title = "XTTS streaming server"
admin.site.site_url = None  # there is no site to view: the rest of the server talks to programs

GOOD_RECORDING = (
    "6 to 30 seconds of clean speech make a good voice: one speaker, close to the microphone, speaking as the voice "
    "should speak; no music, echo, noise, second speaker or long pauses. WAV and FLAC are best, OGG and MP3 work. "
    "Several recordings of one speaker are combined. They are what XTTS speaks with; the embedded engine cannot clone: "
    "with it, recordings are kept and every voice sounds like the embedded one."
)


class ReferenceClipInline(ClipInlineBase):
    model = ReferenceClip
    extra = 1
    fields = ("file", "sound", "duration", "rate")
    readonly_fields = ("sound", "duration", "rate")
    # Django's own widget links to the file's address, and recordings have none: they are served to staff only.
    formfield_overrides = {models.FileField: {"widget": forms.FileInput(attrs={"accept": ".wav,.flac,.ogg,.mp3"})}}  # noqa: RUF012

    @admin.display(description="Recording")
    def sound(self, clip: ReferenceClip) -> str:
        """A player above the waveform: side by side they are wider than the page."""
        if clip.pk is None:
            return ""
        bars = " ".join(f"M{x} {20 - 19 * peak:.1f}V{20 + 19 * peak:.1f}" for x, peak in enumerate(clip.peaks))
        return format_html(
            '<audio controls preload="none" src="{}"></audio><br>'
            '<svg viewBox="-0.5 0 {} 40" width="300" height="40" preserveAspectRatio="none" role="img" '
            'aria-label="Waveform"><path d="{}" stroke="currentColor"/></svg>',
            reverse("voices:clip-audio", args=[clip.pk]),
            len(clip.peaks),
            bars,
        )

    @admin.display(description="Length")
    def duration(self, clip: ReferenceClip) -> str:
        return "" if clip.pk is None else f"{clip.duration_seconds:.1f} s"

    @admin.display(description="Sample rate")
    def rate(self, clip: ReferenceClip) -> str:
        return "" if clip.pk is None else f"{clip.sample_rate} Hz, {'mono' if clip.channels == 1 else 'stereo'}"


@admin.register(Voice)
class VoiceAdmin(VoiceAdminBase):
    list_display = ("voice_id", "name", "language", "enabled", "recordings", "total_length")
    list_editable = ("enabled",)
    list_filter = ("enabled", "language")
    search_fields = ("voice_id", "name", "description")
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("voice_id", "name", "description", "enabled")}),
        ("Speech", {"fields": ("language", "speed")}),
        ("History", {"fields": ("created_at", "updated_at"), "classes": ("collapse",)}),
        ("Reference recordings", {"fields": (), "description": GOOD_RECORDING}),
    )
    inlines = (ReferenceClipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Voice]:
        totals = {"clip_count": Count("clips"), "total_seconds": Sum("clips__duration_seconds", default=0.0)}
        return super().get_queryset(request).annotate(**totals)

    @admin.display(description="Recordings", ordering="clip_count")
    def recordings(self, voice: "VoiceWithTotals") -> int:
        return voice.clip_count

    @admin.display(description="Total length", ordering="total_seconds")
    def total_length(self, voice: "VoiceWithTotals") -> str:
        return f"{voice.total_seconds:.1f} s"
