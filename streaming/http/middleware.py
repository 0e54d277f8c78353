"""A short way to the API: past the other middlewares of a project, which it does not need.

It is for speed alone. One middleware that is not asynchronous costs every request a thread, and keeps a client's leaving
from the view. Who may do what is decided in the API itself.
"""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.decorators import async_only_middleware
from django.utils.functional import SimpleLazyObject

from streaming.http.paths import ApiPaths, speech_prefix

AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def api_middleware(get_response: AsyncView) -> AsyncView:
    """For the settings' MIDDLEWARE, in the first place."""
    # Django loads middlewares before URLs can be asked for.
    api_paths = SimpleLazyObject(lambda: ApiPaths(speech_prefix()))

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in api_paths:
            return await get_response(request)
        match = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
        return response

    return middleware
