"""What the pages of this server may load and run: what comes from the server itself, and no script that is in a page."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static

HEADER = "Content-Security-Policy"
SELF = "'self'"
DIRECTIVES = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "connect-src": SELF,
    "font-src": SELF,
    "form-action": SELF,
    "frame-ancestors": "'none'",
    "img-src": f"{SELF} data:",  # the images of style sheets
    "media-src": f"{SELF} blob:",  # what a page has recorded or received itself
    "script-src": SELF,
    "style-src": SELF,
}
STATIC = ("font-src", "img-src", "script-src", "style-src")
View = Callable[..., HttpResponse]


def policy(static_origin: str = "", more: Mapping[str, str] | None = None) -> str:
    """`static_origin`: where static files come from, if not from this server. `more`: what a page needs besides, by
    directive."""
    sources = {
        name: f"{value} {static_origin}".strip() if name in STATIC else value for name, value in DIRECTIVES.items()
    }
    for name, source in (more or {}).items():
        sources[name] = f"{sources[name]} {source}"
    return "; ".join(f"{name} {value}" for name, value in sources.items())


def page_policy(more: Mapping[str, str]) -> str:
    """The policy of a page of the apps, in any project."""
    return policy(_static_origin(), more)


def with_policy(view: View) -> View:
    """The page of the API, in any project: keys are typed into it."""

    @wraps(view)
    def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if apps.is_installed("ninja"):  # else its page takes everything from elsewhere
            response.headers.setdefault(HEADER, policy(_static_origin()))
        return response

    return respond


def _static_origin() -> str:
    """Projects may have their static files on another host."""
    address = urlsplit(static("streaming/docs/docs.css"))
    return f"{address.scheme}://{address.netloc}" if address.scheme else address.netloc
