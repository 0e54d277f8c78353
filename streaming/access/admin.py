"""Admin pages: keys are created here and shown once; usage is read-only."""

import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from streaming.access.models import COUNTED, ApiKey, DailyUsage
from streaming.access.usage import today
from streaming.conf import get_config
from voices.listed_admin import ListedAdmin


class CharactersOfMonth(TypedDict):
    characters_of_month: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    ApiKeyFormBase = forms.ModelForm[ApiKey]
    KeyWithCharacters = WithAnnotations[ApiKey, CharactersOfMonth]
else:  # these classes take no parameters when they run
    ApiKeyFormBase = forms.ModelForm

LIMITS = _(
    "Streams and requests are counted together in all servers that use one Redis (without Redis, in each server process "
    "separately), characters in the database for all."
)


class ApiKeyForm(ApiKeyFormBase):
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("all_voices") and cleaned.get("voices"):
            raise ValidationError({"voices": _("Allow all voices, or choose some, but not both.")})
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(ListedAdmin):
    form = ApiKeyForm
    list_display = ("name", "shown", "enabled", "expires", "last_used", "characters_this_month")
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    search_fields = ("name", "prefix")
    filter_horizontal = ("voices",)
    readonly_fields = ("shown", "characters_this_month", "created_at", "last_used_at")
    fieldsets = (
        (None, {"fields": ("name", "shown", "enabled", "expires_at")}),
        (_("Rights"), {"fields": ("may_manage_voices", "all_voices", "voices", "forward_prefixes")}),
        (
            _("Limits"),
            {
                "fields": ("max_concurrent_streams", "max_requests_per_second", "max_characters_per_month"),
                "description": LIMITS,
            },
        ),
        (_("History"), {"fields": ("characters_this_month", "created_at", "last_used_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys.with_characters_of_month(today())  # type: ignore[attr-defined, no-any-return]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, with_banner(extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().changeform_view(request, object_id, form_url, with_banner(extra_context))

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else fieldsets[:-1]  # a new key has no history

    @admin.display(description=_("Key"))
    def shown(self, key: ApiKey) -> str:
        if not key.pk:
            return str(_("created when you save, and shown only once"))
        return format_html("<code>{}…</code>", key.prefix)

    @admin.display(description=_("Expires"), ordering="expires_at")
    def expires(self, key: ApiKey) -> str:
        return _moment(key.expires_at, "DATE_FORMAT") or pgettext("a key expires", "never")

    @admin.display(description=_("Last used"), ordering="last_used_at")
    def last_used(self, key: ApiKey) -> str:
        return _moment(key.last_used_at, "DATETIME_FORMAT") or pgettext("a key was last used", "never")

    @admin.display(description=_("This month"))
    def characters_this_month(self, key: "KeyWithCharacters") -> str:
        used, limit = key.characters_of_month, key.max_characters_per_month
        return str(used) if limit is None else _("%(used)d of %(limit)d") % {"used": used, "limit": limit}

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            # Only this response contains the key. A message would be stored in a cookie or in the database.
            request.new_api_key = obj.take_new_secret()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **with_banner(self.admin_site.each_context(request)),
            "title": _("The new API key"),
            "opts": self.opts,
            "key": obj,
            "secret": request.new_api_key,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/access/apikey/shown_once.html", context)


@admin.register(DailyUsage)
class DailyUsageAdmin(ListedAdmin):
    list_display = ("date", "key_shown", "voice_id", "characters", "audio", "requests", "errors")
    list_display_links = None
    list_filter = (("key", admin.RelatedOnlyFieldListFilter), "voice_id")
    list_select_related = ("key",)
    date_hierarchy = "day"
    list_per_page = 100
    change_list_template = "admin/access/dailyusage/totals.html"

    @admin.display(description=_("Day"), ordering="day")
    def date(self, usage: DailyUsage) -> str:
        return date_format(usage.day)

    @admin.display(description=_("API key"), ordering="key__name")
    def key_shown(self, usage: DailyUsage) -> str:
        return usage.key.name if usage.key else pgettext("API key", "none")

    @admin.display(description=_("Audio"), ordering="audio_seconds")
    def audio(self, usage: DailyUsage) -> str:
        return shown_duration(usage.audio_seconds)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            response.context_data["totals"] = totals_of(response.context_data["cl"].queryset)
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DailyUsage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DailyUsage | None = None) -> bool:
        return False


def _moment(moment: datetime.datetime | None, style: str) -> str:
    if moment is None:
        return ""
    return date_format(localtime(moment) if is_aware(moment) else moment, style)


def with_banner(context: dict[str, Any] | None) -> dict[str, Any]:
    """What the pages of keys say above all else while nobody needs a key."""
    return (context or {}) | {"keys_are_required": get_config().access.require_keys}


def totals_of(rows: "QuerySet[DailyUsage]") -> dict[str, Any]:
    """The sums of what the list shows, on all of its pages."""
    sums = rows.order_by().aggregate(**{name: Sum(name, default=0) for name in COUNTED})
    return sums | {"audio": shown_duration(sums["audio_seconds"])}


def shown_duration(seconds: float) -> str:
    """Hours, minutes and seconds: "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
