"""The answer to a request that is refused before any page is looked for: above all, one by a name that is not allowed."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

STATUS = 400
# For programs, so in English.
NOT_ALLOWED = (
    "This server was called by a name or address that its settings do not allow. Add it to service.allowed_hosts in "
    "config.yaml, without the port, and start the server again.\n"
)
OTHERWISE = "Bad request.\n"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for browsers, a line for programs. Neither repeats what the request says: a stranger has written it."""
    is_name = isinstance(exception, DisallowedHost)
    if "text/html" in request.headers.get("Accept", ""):  # programs accept anything, or name nothing
        # Rendered without the request: its host must not be asked for.
        return HttpResponse(render_to_string("xtts_site/bad_request.html", {"is_name": is_name}), status=STATUS)
    return HttpResponse(NOT_ALLOWED if is_name else OTHERWISE, content_type="text/plain; charset=utf-8", status=STATUS)
