"""Headers for browsers on every answer of this project, whichever middleware or view has given it."""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

from streaming.http.page_policy import HEADER, policy
from xtts_site.config import get_config

AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def page_headers(get_response: AsyncView) -> AsyncView:
    """In the first place, and asynchronous: one middleware that is not would cost every request a thread."""
    page_policy = policy()
    seconds = get_config().service.hsts_seconds

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        response.headers.setdefault(HEADER, page_policy)
        if seconds and request.is_secure() and not _is_this_machine(request):
            response.headers.setdefault("Strict-Transport-Security", f"max-age={seconds}")
        return response

    return middleware


def _is_this_machine(request: HttpRequest) -> bool:
    """Under this name browsers find every other server on the user's own machine as well, most of them without TLS."""
    host, _ = split_domain_port(request.headers.get("Host", ""))
    return host == "localhost" or host.endswith(".localhost")
