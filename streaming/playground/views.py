"""The page on which voices are heard: what the server has to say to it. The rest is in its scripts, which use the API as any
other client does."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie

from streaming.audio.formats import FORMATS, OutputFormat
from streaming.conf import get_config
from streaming.http.page_policy import HEADER, page_policy
from streaming.http.paths import NAMESPACE
from streaming.playground.words import words

NAME = "playground"
DEFAULT_FORMAT = "pcm_24000"
# The name that older clients have for one of the others.
REPEATED = "mp3_44100"


def playground_patterns() -> list[URLPattern]:
    """None if the settings turn the page off."""
    return [path("", playground, name=NAME)] if get_config().playground.enabled else []


# Open to everybody, as /docs is: what a key is needed for is asked of the API, with the key. A cookie has its language.
@login_not_required
@cache_control(private=True, no_cache=True)
@vary_on_cookie
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    # Not every project has the context processor that puts the request there.
    context = {"request": request, "page": _page(), "docs": _docs(), "admin": _admin()}
    response = render(request, "streaming/playground/page.html", context)
    response.headers[HEADER] = page_policy({"connect-src": f"ws://{request.get_host()} wss://{request.get_host()}"})
    return response


def _page() -> dict[str, Any]:
    """What the scripts are told."""
    return {
        "base": reverse(f"{NAMESPACE}:{NAME}"),
        "requireKeys": get_config().access.require_keys,
        "formats": [_described(output) for output in FORMATS.values() if output.name != REPEATED],
        "defaultFormat": DEFAULT_FORMAT,
        "words": words(),
    }


def _described(output: OutputFormat) -> dict[str, Any]:
    family, _, details = output.name.partition("_")
    kbps = details.partition("_")[2]
    return {"name": output.name, "family": family, "rate": output.sample_rate, "kbps": int(kbps) if kbps else None}


def _docs() -> str:
    return reverse(f"{NAMESPACE}:openapi-view")


def _admin() -> str | None:
    """A project may have its admin elsewhere, or none."""
    try:
        return reverse("admin:index")
    except NoReverseMatch:
        return None
