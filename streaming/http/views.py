"""What every operation of the API has, in any project: errors in JSON, the check of the origin, headers for browsers."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from streaming.access.origin import check_where_from
from streaming.errors import Refused
from streaming.http.answers import LANGUAGE, answer
from streaming.http.backend import exchange_of, let_go_of_the_database
from streaming.http.problems import Problem, not_found, problem_of
from streaming.http.vendors import is_for_openai
from streaming.logs.request_id import request_id_of
from voices.database import as_long_as_allowed, asked_together
from voices.database_waits import connect_in_time

AsyncView = Callable[..., Awaitable[HttpResponseBase]]


def api_view(view: Callable[..., Any], endpoint: str) -> AsyncView:
    """The view of an operation as a project's URLs have it. `endpoint`: its name in the records."""
    run: AsyncView = view if iscoroutinefunction(view) else sync_to_async(_limited(view))

    # Keys are no cookies, and no login. Django refuses asynchronous views that a project would wrap in a transaction.
    @csrf_exempt
    @login_not_required
    @wraps(view)
    async def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            # Programs read the API's sentences, in whichever language the project or the request has its pages.
            with translation.override("en"), asked_together():
                return _named(request, await _respond(run, endpoint, request, *args, **kwargs))
        finally:
            await let_go_of_the_database()

    for alias in connections:
        transaction.non_atomic_requests(alias)(respond)
    return respond


@csrf_exempt
@login_not_required
async def nothing_here(request: HttpRequest) -> HttpResponse:
    """For the paths of a project that are nothing else: an answer in the API's words, whatever the method."""
    return answer(request, not_found(request.path))


def _limited(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """On a thread of the request's own, which asks the database itself."""

    def run(*args: Any, **kwargs: Any) -> HttpResponseBase:
        with as_long_as_allowed():
            connect_in_time(connections[DEFAULT_DB_ALIAS])
            return view(*args, **kwargs)

    return run


async def _respond(view: AsyncView, endpoint: str, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    try:
        exchange = exchange_of(request)
        exchange.record.endpoint = endpoint
        exchange.record.dialect = "openai" if is_for_openai(request) else "elevenlabs"
        check_where_from(request.scope, exchange.backend.config)  # type: ignore[attr-defined] # over ASGI
    except (Refused, Problem) as error:
        return answer(request, problem_of(error))
    if request.method == "OPTIONS":
        return _readable(request, HttpResponse(status=204))
    response = await view(request, *args, **kwargs)
    return _readable(request, _method_not_allowed(request, response) if response.status_code == 405 else response)


def _method_not_allowed(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    problem = Problem(405, "method_not_allowed", f"{request.method} is not allowed for {request.path!r:.200}.")
    refusal = answer(request, problem)
    refusal["Allow"] = response["Allow"]
    return refusal


def _named(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Every answer has the names that ElevenLabs and OpenAI give the request."""
    name = request_id_of(getattr(request, "scope", {}))
    response["request-id"] = response["x-trace-id"] = response["x-request-id"] = name
    response["X-Content-Type-Options"] = "nosniff"
    if response.headers.get("Content-Type", "").startswith("application/json"):
        response["Content-Language"] = LANGUAGE
    return response


def _readable(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """For the page that sent the request, whose origin is allowed."""
    if origin := request.headers.get("Origin"):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
        response["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response["Access-Control-Expose-Headers"] = "request-id, x-request-id, character-cost, retry-after"
        patch_vary_headers(response, ["Origin"])
    return response
