"""daphne takes the root path from a header: no client may use it to go past the door. On a server that needs keys."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.test import AsyncRequestFactory
from django.urls import resolve
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from benchmarks.live_server import LiveServer, write_settings
from streaming.errors import Refused
from streaming.http.answers import is_api
from streaming.http.api import api
from streaming.http.backend import SCOPE_KEY, Caller, Exchange


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    access = {"require_keys": True}
    with LiveServer(write_settings(tmp_path_factory.mktemp("locked"), access=access)) as live:
        yield live


def operations() -> list[tuple[str, str]]:
    """Method and path of all that the API offers, with something in the place of each parameter."""
    paths = api.get_openapi_schema(path_prefix="")["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [(method, re.sub(r"{\w+}", "demo", path)) for method, path in found]


def test_there_are_operations_to_try() -> None:
    assert len(operations()) > 12


@pytest.mark.parametrize("root", ["/x", "/x/", "/v1", "/", "//x", "%2Fx"])
def test_a_root_path_of_the_clients_opens_nothing(locked: LiveServer, root: str) -> None:
    with httpx.Client(base_url=locked.base_url, headers={"Daphne-Root-Path": root}, timeout=60) as client:
        for method, path in operations():
            for asked in (path, f"/x{path}"):
                response = client.request(method, asked, json={"text": "Hello.", "input": "Hello.", "voice": "demo"})
                assert response.status_code in (401, 404), (method, asked, response.text)
                assert "voice_id" not in response.text


@pytest.mark.parametrize("root", ["/x", "/v1", "/v1/voices"])
def test_it_changes_nothing_where_no_keys_are_needed(server: LiveServer, root: str) -> None:
    with httpx.Client(base_url=server.base_url, headers={"Daphne-Root-Path": root}, timeout=60) as client:
        assert client.get("/v1/voices").status_code == 200
        assert client.get("/x/v1/voices").status_code == 404


async def test_nor_does_it_for_a_socket(server: LiveServer) -> None:
    headers = {"Daphne-Root-Path": "/x"}
    async with connect(server.url(), additional_headers=headers) as socket:
        await socket.send(json.dumps({"text": "Hello. ", "flush": True}))
        assert "audio" in json.loads(await socket.recv())
    with pytest.raises(InvalidStatus):
        await connect(server.url().replace("/v1/", "/x/v1/"), additional_headers=headers)


def test_nor_does_it_spare_the_check_of_the_origin(locked: LiveServer) -> None:
    headers = {"Daphne-Root-Path": "/x", "Origin": "https://evil.example"}
    with httpx.Client(base_url=locked.base_url, headers=headers, timeout=60) as client:
        assert client.get("/v1/voices").status_code == 403
        assert client.get("/x/v1/voices").status_code in (403, 404)


def test_the_api_is_what_routing_takes_for_it() -> None:
    """A server may have a root path of its own: `daphne --root-path /x`."""
    for path, root, expected in (("/x/v1/voices", "/x", True), ("/v1/voices", "", True), ("/v1/admin/", "/v1", False)):
        request = ASGIRequest(
            {"type": "http", "method": "GET", "path": path, "root_path": root, "headers": []}, BytesIO()
        )
        assert is_api(request) is expected


def test_a_request_that_nobody_identified_is_refused() -> None:
    with pytest.raises(Refused, match="Neither an API key nor an authorization was given"):
        assert Caller("127.0.0.1").client


@pytest.mark.parametrize(("method", "path"), operations(), ids=str)
async def test_every_operation_asks_for_the_identity_itself(method: str, path: str) -> None:
    """Reached without the middleware that identifies a client, it refuses."""
    content = {"text": "Hello.", "input": "Hello.", "voice": "demo"}
    request: Any = AsyncRequestFactory().generic(method, path, json.dumps(content), "application/json")
    nothing: Any = None
    request.scope[SCOPE_KEY] = Exchange(Caller("127.0.0.1"), nothing, nothing)
    match = resolve(path)
    view = match.func if iscoroutinefunction(match.func) else sync_to_async(match.func)
    response = await view(request, *match.args, **match.kwargs)
    assert response.status_code == 401
