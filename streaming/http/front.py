"""The ASGI application around a project's own: what a request to the API brings with it, and how a response ends that cannot
go on. Every other request passes through untouched.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
from typing import Any

from streaming import errors
from streaming.access.origin import address_of
from streaming.connection.paths import path_info_of
from streaming.connection.transport import ABORT_KEY, limit_connection_of
from streaming.errors import ClientStalled
from streaming.http.backend import SCOPE_KEY, Backend, Caller, Exchange
from streaming.http.paths import ApiPaths
from streaming.http.problems import problem_of
from streaming.http.request_limits import TooLong
from streaming.logs.request_id import request_id_of
from streaming.records.session_record import CLIENT_LEFT, OK, SessionRecord

logger = logging.getLogger("streaming.http")

# How long a request that is broken off may take to be cleared away.
GOODBYE_SECONDS = 1.0
App = Callable[[Any, Any, Any], Awaitable[None]]


class HttpFront:
    """Hands the backend to the API's views below `prefix`."""

    def __init__(self, app: App, backend: Backend, prefix: str) -> None:
        self._app = app
        self._backend = backend
        self._api_paths = ApiPaths(prefix)
        # Each response that is being given, with what breaks it off.
        self._open: dict[asyncio.Task[None], Callable[[], object]] = {}
        self._is_ending = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if path_info_of(scope) not in self._api_paths:
            await self._app(scope, receive, send)
            return
        limit_connection_of(scope)
        serving = asyncio.create_task(self._serve(scope, receive, send))
        # Django would take a cancellation for its own end, and leave the view to itself; of a client that is gone it knows
        # what to do.
        self._open[serving] = abort = scope.get(ABORT_KEY, serving.cancel)
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, GOODBYE_SECONDS)
            raise
        finally:
            del self._open[serving]

    async def break_off(self) -> None:
        """End every response, because the server ends. Takes GOODBYE_SECONDS at most."""
        self._is_ending = True
        for abort in self._open.values():
            abort()
        if self._open:
            await asyncio.wait(list(self._open), timeout=GOODBYE_SECONDS)

    def _note_use(self, caller: Caller) -> None:
        if caller.identified:
            self._backend.gate.note_use(caller.identified)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        address = address_of(scope)
        record = SessionRecord(request_id_of(scope), "http", address=address)
        response = _Response(send, self._backend.config.service.stall_timeout_seconds, record)
        try:
            async with AsyncExitStack() as closing:
                exchange = Exchange(Caller(address), self._backend, closing, record)
                closing.callback(self._note_use, exchange.caller)
                await self._app(scope | {SCOPE_KEY: exchange}, receive, response.send)
        except Exception as error:
            self._end_early(error, scope, response)
        finally:
            record.result = record.result or self._result_of(response)
            self._backend.records.end(record)

    def _result_of(self, response: "_Response") -> str:
        """Of one that has ended without an error that anybody has named."""
        if not response.is_complete:
            return errors.SHUTTING_DOWN.code if self._is_ending else CLIENT_LEFT
        status = response.record.status or 0
        return OK if status < HTTPStatus.BAD_REQUEST else f"http_{status}"

    def _end_early(self, error: Exception, scope: Any, response: "_Response") -> None:
        """Raises the problem that the client is told, if it can be told any, or the error where nothing else breaks the
        response off."""
        if isinstance(error, TooLong):
            response.record.result = error.code
            raise error  # the client is told by whoever has found it
        # Django answers what its views raise. A body that finds no room on the disk fails before there is a view.
        problem = problem_of(error)
        response.record.result = problem.code
        if not response.has_begun:
            raise problem from error
        logger.warning("A response was aborted: %s", problem)
        if (abort := scope.get(ABORT_KEY)) is None:
            raise error
        abort()


class _Response:
    """On its way to the client, which is given up when it reads nothing for `patience` seconds. `record`: of the request."""

    def __init__(self, send: Any, patience: float, record: SessionRecord) -> None:
        self._send = send
        self._patience = patience
        self.record = record
        self.has_begun = False
        self.is_complete = False

    async def send(self, message: Any) -> None:
        self.has_begun = True
        if message["type"] == "http.response.start":
            self.record.status = message["status"]
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                await self._send(message)
        except TimeoutError:
            raise ClientStalled(f"The client did not read its response for {self._patience:g} s.") from None
        finally:
            self.record.client_seconds += time.monotonic() - began
        self.is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
