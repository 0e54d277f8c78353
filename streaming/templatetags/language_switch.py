"""The buttons with which people change the language of a page."""

from typing import Any

from django import template
from django.conf import settings
from django.template import RequestContext
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, get_language_info

# Those that the apps are written in.
LANGUAGES = ("en", "ru")
MIDDLEWARE = "django.middleware.locale.LocaleMiddleware"

register = template.Library()


@register.inclusion_tag("streaming/language_switch.html", takes_context=True)
def language_switch(context: RequestContext) -> dict[str, Any]:
    """One for each other language; none in a project where they would change nothing."""
    current = (get_language() or "").partition("-")[0]
    others = [get_language_info(code) for code in _offered() if code != current]
    return {"languages": others, "set_language": _address(), "next": context.request.get_full_path()}


def _offered() -> list[str]:
    codes = [code for code, _ in settings.LANGUAGES]
    return [code for code in LANGUAGES if code in codes and MIDDLEWARE in settings.MIDDLEWARE and _address()]


def _address() -> str | None:
    """Of Django's view, which a project includes as django.conf.urls.i18n."""
    try:
        return reverse("set_language")
    except NoReverseMatch:
        return None
