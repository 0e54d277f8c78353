"""The settings of a voice in the admin: what is set, what is in effect, and a free voice_id."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from voices import speech_hook
from voices.free_ids import free_id
from voices.models import Voice
from voices.numerals import numeral

if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:  # this class takes no parameters when it runs
    AdminBase = admin.ModelAdmin

SAMPLING = ("temperature", "top_k", "top_p", "repetition_penalty")
SETTINGS_FIELDSETS: Any = (
    (gettext_lazy("Speech"), {"fields": ("language", "speed", "dictionaries", "in_effect")}),
    (
        gettext_lazy("For XTTS"),
        {"fields": (*SAMPLING, "seed", "reference_seconds", "stability_sets_temperature"), "classes": ("collapse",)},
    ),
)
LONGEST_NAME = 100


class SettingsAdmin(AdminBase):
    class Media:
        js = ("admin/js/urlify.js", "voices/voice_id.js")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """There are few dictionaries."""
        if db_field.name == "dictionaries":
            kwargs["widget"] = forms.CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(require_safe(self._free_id)))
        return [path("free-id", view, name="voices_voice_free_id"), *super().get_urls()]

    def _free_id(self, request: HttpRequest) -> HttpResponse:
        """For the script of the page, which has written the name in Latin letters."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return JsonResponse({"voice_id": free_id(request.GET.get("name", "")[:LONGEST_NAME])})

    @admin.display(description=gettext_lazy("In effect"))
    def in_effect(self, voice: Voice) -> SafeString | str:
        """Of what is stored: a request may say otherwise."""
        speech = speech_hook.speech()
        if speech is None or not voice.pk:
            return "-"
        rows = [
            (capfirst(str(_field_name(name))), *_effect(getattr(voice, name), server))
            for name, server in speech.settings().items()
        ]
        lines = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        return format_html('<table class="voice-settings">{}</table>', lines)


def _field_name(name: str) -> Any:
    return Voice._meta.get_field(name).verbose_name  # type: ignore[union-attr]


def _effect(own: object, server: object) -> tuple[str, str]:
    """What is used, and who says so."""
    if own not in (None, ""):
        return _shown(own), _("set for this voice")
    if server is not None:
        return _shown(server), _("set for the server")
    return "", _("chosen by the model")


def _shown(value: object) -> str:
    return numeral(value) if isinstance(value, float) else str(value)
