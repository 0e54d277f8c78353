"""`/metrics` of a server: for whoever has the token, and for staff who have signed in.

A scraper calls by address and has no session, so a token is checked in front of Django, whatever ALLOWED_HOSTS and the
middlewares of a project say. Everybody else comes to Django's view, which knows who has signed in.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from streaming.connection.paths import path_info_of
from streaming.connection.refusing import refusal_body
from streaming.metrics.server_metrics import ServerMetrics
from voices.daemon_threads import DaemonThreads, TooMuchWork

NAME = "metrics"
# In the scope of a request for the metrics: where they are.
METRICS_KEY = "streaming.metrics"
BEARER = "bearer"
JSON = "application/json"
REFUSAL = refusal_body("needs_authorization", "The metrics need the token of metrics.token, or a staff session.")
NO_METRICS = refusal_body("engine_unavailable", "This process does not serve speech, and has no metrics.")
DATABASE_AWAY = refusal_body("database_unavailable", "The database does not say who has signed in; use the token.")
TOO_MANY = refusal_body("system_busy", "Too many requests for the metrics wait already.")
THREADS = 2
MOST_WAITING = 16
App = Callable[[Any, Any, Any], Awaitable[None]]


class Scrape:
    """An ASGI application around another: answers who shows a token, or has the wrong one."""

    def __init__(self, app: App, metrics: ServerMetrics, prefix: str, token: str | None) -> None:
        self._app = app
        self._metrics = metrics
        self._path = f"/{prefix}{NAME}"
        self._token = None if token is None else token.encode()
        # Not those of the event loop, which also read recordings: a storage that hangs may keep them all.
        self._threads = DaemonThreads("metrics", THREADS, most_waiting=MOST_WAITING)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or path_info_of(scope) != self._path:
            await self._app(scope, receive, send)
            return
        shown = _token_of(scope)
        if shown is None or self._token is None:
            await self._app(scope | {METRICS_KEY: self._metrics}, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"", JSON, (b"allow", b"GET, HEAD"))
        elif secrets.compare_digest(shown, self._token):
            await self._give(scope, send)
        else:
            await _answer(send, 401, REFUSAL, JSON, (b"www-authenticate", b"Bearer"))

    async def _give(self, scope: Any, send: Any) -> None:
        """The event loop goes on meanwhile."""
        accept = _header(scope, b"accept").decode("latin-1")
        made = partial(self._metrics.exposition, accept)
        try:
            body, media_type = await asyncio.get_running_loop().run_in_executor(self._threads, made)
        except TooMuchWork:
            await _answer(send, 503, TOO_MANY, JSON, (b"retry-after", b"1"))
            return
        await _answer(send, 200, body if scope["method"] == "GET" else b"", media_type)


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """In a thread."""
    served: ServerMetrics | None = getattr(request, "scope", {}).get(METRICS_KEY)
    if served is None:
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, NO_METRICS)
    try:
        is_staff = _is_staff(request)
    except DatabaseError:
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_AWAY)
    if not is_staff:
        refusal = _refusal(HTTPStatus.UNAUTHORIZED, REFUSAL)
        refusal["WWW-Authenticate"] = "Bearer"
        return refusal
    body, media_type = served.exposition(request.headers.get("Accept", ""))
    return _kept_by_nobody(HttpResponse(body, content_type=media_type))


def metrics_pattern() -> URLPattern:
    return path(NAME, metrics, name=NAME)


def _is_staff(request: HttpRequest) -> bool:
    """A project may know no users."""
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff


def _refusal(status: int, body: bytes) -> HttpResponse:
    return _kept_by_nobody(HttpResponse(body, status=status, content_type=JSON))


def _kept_by_nobody(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def _token_of(scope: Any) -> bytes | None:
    """What stands in the Authorization header after `Bearer`."""
    scheme, _, shown = _header(scope, b"authorization").partition(b" ")
    return shown.strip() if scheme.decode("latin-1").lower() == BEARER else None


def _header(scope: Any, name: bytes) -> bytes:
    return next((bytes(value) for header, value in scope["headers"] if header == name), b"")


async def _answer(send: Any, status: int, body: bytes, media_type: str, *headers: tuple[bytes, bytes]) -> None:
    fixed = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
