"""An ordinary synchronous middleware, as projects have them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def stamp(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Host"] = "stamped"
        return response

    return middleware
