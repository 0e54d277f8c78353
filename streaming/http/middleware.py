"""The API's own way to its views: no session, no cookie, no CSRF, no redirect to a trailing slash, and never an HTML page.

Django's other middlewares are for the admin. One of them is not asynchronous, which would cost every request a thread and
keep a client's leaving from the view.
"""

import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.decorators import async_only_middleware

from streaming.access.credentials import Credentials
from streaming.access.identity import identify
from streaming.access.origin import origin_is_allowed
from streaming.conf import get_config
from streaming.errors import Refused
from streaming.http.answers import answer, is_api
from streaming.http.backend import exchange_of, let_go_of_the_database
from streaming.http.problems import Problem, database_lost, not_found, problem_of

AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def api_middleware(get_response: AsyncView) -> AsyncView:
    """For the settings' MIDDLEWARE, in the first place."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if not is_api(request):
            return await get_response(request)
        try:
            return _with_headers(request, await _respond(request))
        finally:
            await let_go_of_the_database()

    return middleware


async def _respond(request: HttpRequest) -> HttpResponseBase:
    try:
        _check_origin(request)
        if request.method == "OPTIONS":
            return HttpResponse(status=204)
        match = resolve(request.path_info)
        await _identify(request)
    except (Problem, Refused) as error:
        return answer(request, problem_of(error))
    except Resolver404:
        return answer(request, not_found(request.path))
    view = match.func if iscoroutinefunction(match.func) else sync_to_async(match.func)
    response: HttpResponseBase = await view(request, *match.args, **match.kwargs)
    return _method_not_allowed(request, response) if response.status_code == 405 else response


def _check_origin(request: HttpRequest) -> None:
    if not origin_is_allowed(request.scope, get_config().service.allowed_origins):  # type: ignore[attr-defined] # over ASGI
        raise Problem(403, "origin_not_allowed", "Pages of this origin may not use this server: see allowed_origins.")


async def _identify(request: HttpRequest) -> None:
    """Everything that the API has needs a key, if anything does, and counts as a request. Raises Refused and Problem."""
    exchange = exchange_of(request)
    credentials = Credentials.from_headers(request.scope["headers"])  # type: ignore[attr-defined] # over ASGI
    try:
        client = exchange.caller.identified = await identify(credentials, required=get_config().access.require_keys)
    except DatabaseError:
        raise database_lost() from None
    exchange.backend.gate.take_request(client)


def _method_not_allowed(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    problem = Problem(405, "method_not_allowed", f"{request.method} is not for {request.path!r:.200}.")
    refusal = answer(request, problem)
    refusal["Allow"] = response["Allow"]
    return refusal


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Those of every answer: the vendor's names for the request, and what a browser's page of an allowed origin needs."""
    response["request-id"] = response["x-trace-id"] = uuid.uuid4().hex
    response["X-Content-Type-Options"] = "nosniff"
    origin = request.headers.get("Origin")
    if origin and response.status_code != 403:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
        response["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response["Access-Control-Expose-Headers"] = "request-id, character-cost, retry-after"
        response["Vary"] = "Origin"
    return response
