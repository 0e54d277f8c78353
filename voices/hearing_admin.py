"""What the admin of voices shows of speech: a button that speaks, and how far a voice is prepared.

The script of the pages asks for a ticket here, where the session and the permissions are known, and takes it to the address
that the app of speech has given. Its words are data attributes: it has none of its own.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from voices import speech_hook
from voices.models import ReferenceClip, Voice
from voices.preparation import Prepared, State
from voices.preparation_reasons import translated
from voices.preparation_states import states_of

if TYPE_CHECKING:
    AdminBase = admin.ModelAdmin[Any]
else:  # this class takes no parameters when it runs
    AdminBase = admin.ModelAdmin

MOST_STATES = 500
SHOWN: dict[State, Promise] = {
    "not_needed": _("Not needed"),
    "waiting": _("Waiting"),
    "computing": _("Computing"),
    "ready": _("Ready"),
    "failed": _("Failed"),
}
MEANING: dict[State, Promise] = {
    "not_needed": _("The engine needs nothing from recordings for this voice."),
    "waiting": _("The engine will process the recordings as soon as it is ready."),
    "computing": _("The engine is processing the recordings. This takes a few seconds."),
    "ready": _("The engine has processed the recordings: the voice speaks at once."),
    "failed": _("The engine could not process the recordings. Replace the recording that the reason names."),
}
# What the page says in place of the API's English, by the names of errors on the wire.
TROUBLES = {
    "engine_unavailable": _("The speech engine is loading. Try again in a moment."),
    "system_busy": _("The speech engine is busy. Try again in a moment."),
    "database_unavailable": _("The database does not answer. Try again in a moment."),
    "server_draining": _("The server is restarting. Try again in a moment."),
    "invalid_ticket": _("This took too long. Press the button again."),
    "voice_not_found": _("This voice or recording does not exist any more."),
}


class HearingAdmin(AdminBase):
    """Of voices. `may_hear_clips` says who may hear recordings."""

    class Media:
        css = {"all": ("voices/hearing.css",)}  # noqa: RUF012
        js = ("voices/hearing.js",)

    def may_hear_clips(self, request: HttpRequest, voice: Voice | None = None) -> bool:
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        def protected(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<int:pk>/hear", protected(require_POST(self._hear_voice)), name="voices_voice_hear"),
            path("clips/<int:pk>/hear", protected(require_POST(self._hear_clip)), name="voices_clip_hear"),
            path("states", protected(never_cache(require_safe(self._states))), name="voices_voice_states"),
            *super().get_urls(),
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if speech_hook.speech() else [name for name in shown if name != "hear"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the states of all rows at once."""
        changelist = super().get_changelist_instance(request)
        voices = list(changelist.result_list)
        states = states_of([voice.pk for voice in voices])
        for voice in voices:
            voice.prepared = states[voice.pk]
        return changelist

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        fields = ("hear", "state") if speech_hook.speech() else ("state",)
        return (*fieldsets[:1], (_("Sound"), {"fields": fields}), *fieldsets[1:])

    @admin.display(description=_("Listen"))
    def hear(self, voice: Voice) -> str:
        return hear_button(self.admin_site, "voice", voice.pk, voice.name)

    @admin.display(description=_("Engine"))
    def state(self, voice: Voice) -> str:
        """A script looks whether it is still so."""
        prepared = getattr(voice, "prepared", None) or states_of([voice.pk])[voice.pk]
        told = _told(prepared)
        return format_html(
            '<span class="voice-state" data-voice="{}" data-address="{}" data-state="{}" title="{}">'
            '<span class="voice-state-name">{}</span> <span class="voice-state-reason">{}</span>'
            '<span class="voice-state-meaning">{}</span></span>',
            voice.pk,
            reverse(f"{self.admin_site.name}:voices_voice_states"),
            told["state"],
            told["meaning"],
            told["name"],
            told["reason"],
            told["meaning"],
        )

    def _hear_voice(self, request: HttpRequest, pk: int) -> HttpResponse:
        voice = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, voice):
            raise PermissionDenied
        return _ticket(request, voice.pk, None)

    def _hear_clip(self, request: HttpRequest, pk: int) -> HttpResponse:
        clips = ReferenceClip.objects.filter(voice__in=self.get_queryset(request).values("pk"))
        clip = get_object_or_404(clips.select_related("voice"), pk=pk)
        if not (self.has_view_permission(request, clip.voice) and self.may_hear_clips(request, clip.voice)):
            raise PermissionDenied
        return _ticket(request, clip.voice.pk, clip.pk)

    def _states(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        pks = [int(pk) for pk in request.GET.getlist("pk")[:MOST_STATES] if pk.isdecimal() and len(pk) < 19]
        shown = list(self.get_queryset(request).filter(pk__in=pks).values_list("pk", flat=True))
        return JsonResponse({str(pk): _told(prepared) for pk, prepared in states_of(shown).items()})


def hear_button(site: admin.AdminSite, kind: str, pk: int, name: str) -> SafeString:
    """`kind`: voice or clip."""
    return format_html(
        '<span class="voice-hear"><button type="button" class="button" data-hear="{}" data-start="{}" data-stop="{}" '
        'data-lost="{}" data-signed-out="{}"><span class="voice-hear-label">{}</span>'
        '<span class="visually-hidden">: {}</span></button>'
        '<meter min="0" max="1" value="0" aria-hidden="true"></meter>'
        '<span class="voice-hear-told" role="status"></span></span>',
        reverse(f"{site.name}:voices_{kind}_hear", args=[pk]),
        _("Listen"),
        _("Stop"),
        _("The server does not answer. Is it running?"),
        _("You are not signed in any more, or may not hear this. Load the page again."),
        _("Listen"),
        name,
    )


def _told(prepared: Prepared) -> dict[str, str]:
    name, meaning = str(SHOWN[prepared.state]), str(MEANING[prepared.state])
    return {"state": prepared.state, "name": name, "meaning": meaning, "reason": translated(prepared.reason)}


def _ticket(request: HttpRequest, voice_pk: int, clip_pk: int | None) -> HttpResponse:
    speech = speech_hook.speech()
    ticket = speech.ticket(request.user.pk, voice_pk, clip_pk) if speech else None
    if ticket is None:
        return JsonResponse({"message": str(_("This project has no address for speech in its URLs."))}, status=503)
    troubles = {code: str(words) for code, words in TROUBLES.items()}
    answer = JsonResponse({"address": ticket.address, "ticket": ticket.secret, "troubles": troubles})
    answer["Cache-Control"] = "no-store"
    return answer
