from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from voices.containers import PLAYED_BY_BROWSERS
from voices.dictionaries import MAX_RULES, aliases_of, import_aliases, too_many_rules
from voices.examining import UNUSABLE
from voices.examining_admin import ExaminingAdmin
from voices.labels import LabelsField
from voices.lexicon import LexiconError
from voices.models import PronunciationDictionary, PronunciationRule, ReferenceClip, Voice, clip_facts
from voices.numerals import numeral
from voices.views import clip_audio


class Totals(TypedDict):
    clip_count: int
    total_seconds: float


class RuleCount(TypedDict):
    rule_count: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    VoiceWithTotals = WithAnnotations[Voice, Totals]
    ClipInlineBase = admin.TabularInline[ReferenceClip, Voice]
    RuleInlineBase = admin.TabularInline[PronunciationRule, PronunciationDictionary]
    DictionaryFormBase = forms.ModelForm[PronunciationDictionary]
    DictionaryWithCount = WithAnnotations[PronunciationDictionary, RuleCount]
else:  # these classes take no parameters when they run
    ClipInlineBase = RuleInlineBase = admin.TabularInline
    DictionaryFormBase = forms.ModelForm

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

CHANNELS = {1: _("mono"), 2: _("stereo")}


class ReferenceClipInline(ClipInlineBase):
    model = ReferenceClip
    extra = 1
    fields = ("file", "sound", "duration", "rate")
    readonly_fields = ("sound", "duration", "rate")
    # Django's own widget links to the file's address, and recordings have none: VoiceAdmin serves them, by its own rules.
    formfield_overrides = {models.FileField: {"widget": forms.FileInput(attrs={"accept": ACCEPTED})}}  # noqa: RUF012

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the file where it cannot be changed: Django would show a link to its address."""
        return [name for name in self.fields if name != "file" or not self._only_shows(request, obj)]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not self._only_shows(request, obj)

    def _only_shows(self, request: HttpRequest, voice: Voice | None) -> bool:
        return self.has_view_permission(request, voice) and not self.has_change_permission(request, voice)

    @admin.display(description=_("Recording"))
    def sound(self, clip: ReferenceClip) -> str:
        """A player above the waveform: side by side they are wider than the page. What browsers do not play can be saved."""
        if clip.pk is None:
            return ""
        bars = " ".join(f"M{x} {20 - 19 * peak:.1f}V{20 + 19 * peak:.1f}" for x, peak in enumerate(clip.peaks))
        return format_html(
            "{}<br>"
            '<svg viewBox="-0.5 0 {} 40" width="300" height="40" preserveAspectRatio="none" role="img" '
            'aria-label="{}"><path d="{}" stroke="currentColor"/></svg>',
            self._player(clip),
            len(clip.peaks),
            _("Waveform"),
            bars,
        )

    def _player(self, clip: ReferenceClip) -> str:
        address = reverse(f"{self.admin_site.name}:voices_clip_audio", args=[clip.pk])
        if clip.suffix in PLAYED_BY_BROWSERS:
            return format_html('<audio controls preload="none" src="{}"></audio>', address)
        label = _("Save the %(kind)s file") % {"kind": clip.suffix.upper()}
        return format_html('<a href="{}" download>{}</a>', address, label)

    @admin.display(description=_("Length"))
    def duration(self, clip: ReferenceClip) -> str:
        return "" if clip.pk is None else seconds_shown(clip.duration_seconds)

    @admin.display(description=_("Sample rate"))
    def rate(self, clip: ReferenceClip) -> str:
        if clip.pk is None:
            return ""
        return _("%(rate)d Hz, %(channels)s") % {"rate": clip.sample_rate, "channels": channels_shown(clip.channels)}


def seconds_shown(seconds: float) -> str:
    return _("%(seconds)s s") % {"seconds": numeral(seconds, ".1f")}


def channels_shown(count: int) -> str:
    return str(CHANNELS.get(count) or ngettext("%(count)d channel", "%(count)d channels", count) % {"count": count})


@admin.register(Voice)
class VoiceAdmin(ExaminingAdmin):
    list_display = ("voice_id", "name", "language", "enabled", "recordings", "total_length")
    list_editable = ("enabled",)
    list_filter = ("enabled", "language")
    search_fields = ("voice_id", "name", "description")
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("voice_id", "name", "description", "labels", "enabled")}),
        (_("Speech"), {"fields": ("language", "speed")}),
        (_("History"), {"fields": ("created_at", "updated_at"), "classes": ("collapse",)}),
        (_("What makes a good recording"), {"fields": (), "description": GOOD_RECORDING}),
    )
    inlines = (ReferenceClipInline,)
    formfield_overrides = {models.JSONField: {"form_class": LabelsField}}  # noqa: RUF012

    def examine(self, request: HttpRequest) -> None:
        recordings = ReferenceClipInline(Voice, self.admin_site)
        if not (recordings.has_add_permission(request) or recordings.has_change_permission(request)):
            return
        for name, file in request.FILES.items():
            if name.startswith("clips-"):
                with suppress(*UNUSABLE):
                    clip_facts(file)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._clip_audio, cacheable=True)
        return [path("clips/<int:pk>/audio", view, name="voices_clip_audio"), *super().get_urls()]

    def _clip_audio(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For those to whom the page of a voice shows its recordings: to see voices is one right, to hear them another."""
        recordings = ReferenceClipInline(Voice, self.admin_site)
        if not (self.has_view_permission(request) and recordings.has_view_permission(request)):
            raise PermissionDenied
        return clip_audio(request, pk)

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


class PronunciationRuleInline(RuleInlineBase):
    model = PronunciationRule
    extra = 3
    max_num = MAX_RULES
    verbose_name_plural = _("Rules: a word and how to pronounce it (“GIF”, “jif”)")


class DictionaryForm(DictionaryFormBase):
    lexicon = forms.FileField(
        required=False,
        label=_("Import"),
        help_text=_("A pronunciation lexicon (.pls) with aliases. They are added to the rules below."),
        widget=forms.FileInput(attrs={"accept": ".pls,.xml"}),
    )

    class Meta:
        model = PronunciationDictionary
        fields = ("dictionary_id", "name")

    def clean_lexicon(self) -> dict[str, str]:
        """What is written -> what is said."""
        file = self.cleaned_data["lexicon"]
        if file is None:
            return {}
        try:
            aliases = aliases_of(file)
        except LexiconError as error:
            raise forms.ValidationError(str(error)) from None
        there = self.instance.rules.count() if self.instance.pk else 0
        if there + len(aliases) > MAX_RULES:
            raise forms.ValidationError(too_many_rules(len(aliases)))
        return aliases


@admin.register(PronunciationDictionary)
class PronunciationDictionaryAdmin(ExaminingAdmin):
    form = DictionaryForm
    list_display = ("name", "dictionary_id", "version", "rule_count", "updated_at")
    search_fields = ("dictionary_id", "name", "rules__string_to_replace")
    fields = ("dictionary_id", "version", "name", "lexicon")
    readonly_fields = ("version",)
    inlines = (PronunciationRuleInline,)

    def examine(self, request: HttpRequest) -> None:
        if (file := request.FILES.get("lexicon")) and self._may_import(request, None):
            with suppress(*UNUSABLE):
                aliases_of(file)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if not self._may_import(request, obj):
            del form.base_fields["lexicon"]  # not shown is not enough: a form may be posted by anything
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if self._may_import(request, obj) else [name for name in fields if name != "lexicon"]

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Who finds by a rule, sees it."""
        fields = super().get_search_fields(request)
        may_see = PronunciationRuleInline(PronunciationDictionary, self.admin_site).has_view_permission(request)
        return fields if may_see else [name for name in fields if not name.startswith("rules__")]

    def _may_import(self, request: HttpRequest, dictionary: PronunciationDictionary | None) -> bool:
        """An imported file adds rules and changes rules, which are rights of their own."""
        rules = PronunciationRuleInline(PronunciationDictionary, self.admin_site)
        return rules.has_add_permission(request, dictionary) and rules.has_change_permission(request, dictionary)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PronunciationDictionary]:
        dictionaries: QuerySet[PronunciationDictionary] = super().get_queryset(request)
        return dictionaries.annotate(rule_count=Count("rules", distinct=True)).prefetch_related("rules")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        import_aliases(form.instance, form.cleaned_data.get("lexicon", {}))

    @admin.display(description=_("Version"))
    def version(self, dictionary: PronunciationDictionary) -> str:
        """What clients may name as version_id. It changes with the rules."""
        return "" if dictionary.pk is None else dictionary.version_id

    @admin.display(description=_("Rules"), ordering="rule_count")
    def rule_count(self, dictionary: "DictionaryWithCount") -> int:
        return dictionary.rule_count
