"""daphne takes the root path from a header: no client may use it to go past the door. On a server that needs keys. What
strangers try with it and with paths of all kinds: tests/attacks/test_identity.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import AsyncRequestFactory, Client
from django.urls import resolve
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from benchmarks.live_server import LiveServer, write_settings
from streaming import conf
from streaming.access.gate import Gate
from streaming.conf import with_sections
from streaming.connection.paths import path_info_of
from streaming.errors import Refused
from streaming.http.backend import SCOPE_KEY, Backend, Caller, Exchange
from streaming.http.paths import ApiPaths
from tests.live.operations import BODY, Operation, operations

pytestmark = pytest.mark.both_servers


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    access = {"require_keys": True}
    with LiveServer(write_settings(tmp_path_factory.mktemp("locked"), access=access)) as live:
        yield live


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


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [("/x/v1/voices", "/x", True), ("/v1/voices", "", True), ("/v1/admin/", "/v1", False), ("/v1/nothing", "", False)],
)
def test_the_api_is_what_routing_takes_for_it(path: str, root: str, expected: bool) -> None:
    """A server may have a root path of its own: `daphne --root-path /x`."""
    assert (path_info_of({"path": path, "root_path": root}) in ApiPaths("")) is expected


def test_a_request_that_nobody_identified_is_refused() -> None:
    with pytest.raises(Refused, match="Neither an API key nor an authorization was given"):
        assert Caller("127.0.0.1").client


@pytest.mark.parametrize("operation", operations(), ids=str)
@pytest.mark.django_db(transaction=True)
async def test_every_operation_asks_for_the_identity_itself(operation: Operation) -> None:
    """Reached without any middleware or server of ours before it, it refuses."""
    path = operation.path_for("demo")
    request: Any = AsyncRequestFactory().generic(operation.method, path, json.dumps(BODY), "application/json")
    config = conf.Config.model_validate(with_sections(conf.Config, {"access": {"require_keys": True}}))
    nothing: Any = None
    request.scope[SCOPE_KEY] = Exchange(
        Caller("127.0.0.1"), Backend(nothing, config, nothing, Gate(config.limits), nothing, 1), nothing
    )
    match = resolve(path)
    response = await match.func(request, *match.args, **match.kwargs)
    assert response.status_code == 401


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_without_a_server_that_speaks_every_operation_says_so(operation: Operation) -> None:
    """Under WSGI, for instance: `manage.py runserver`."""
    response = Client().generic(operation.method, operation.path_for("demo"), "{}", "application/json")
    assert response.status_code == 503
    assert "streaming.asgi.speech_application" in response.text
