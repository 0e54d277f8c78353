"""Web pages in the browser of somebody whose machine runs a server without keys: of another origin, and under a name of
their own that leads to the server (DNS rebinding).
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.host import HostServer
from tests.live.operations import BODY, Operation, operations

pytestmark = pytest.mark.both_servers

EVIL = "evil.example"


@pytest.fixture(scope="module")
def any_name(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("any"), service={"allowed_hosts": ["*"]})
    with LiveServer(settings) as live:
        yield live


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[HostServer]:
    with HostServer(folder=tmp_path_factory.mktemp("host"), program=server_program) as live:
        yield live


def ask(server: LiveServer, method: str, path: str, *headers: tuple[str, str]) -> tuple[int, Any]:
    """Status and body of the answer to a request with these headers, several of one name if need be."""
    body = json.dumps(BODY)
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.putrequest(method, path, skip_host=any(name == "Host" for name, _ in headers))
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else content


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    return status, (body.get("detail") or body["error"])["code"]


async def handshake(server: LiveServer, **headers: str) -> int:
    """The status of a socket's handshake. 101: it is open."""
    # The library that asks writes the Host that is in the URL.
    name = headers.pop("Host", f"127.0.0.1:{server.port}")
    url = server.url().replace(f"127.0.0.1:{server.port}", name)
    try:
        async with connect(url, host="127.0.0.1", port=server.port, proxy=None, additional_headers=headers):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_under_a_name_that_is_not_the_servers_nothing_is_told(server: LiveServer, operation: Operation) -> None:
    answer = ask(server, operation.method, operation.path_for("demo"), ("Host", f"{EVIL}:{server.port}"))
    assert code(answer) == (400, "host_not_allowed")


@pytest.mark.parametrize(
    "names", [[EVIL], ["10.1.2.3"], ["127.0.0.1", EVIL], [EVIL, "127.0.0.1"], ["localhost@evil.example"]]
)
def test_names_that_are_none_or_several(server: LiveServer, names: list[str]) -> None:
    status, _ = ask(server, "GET", "/v1/voices", *[("Host", name) for name in names])
    assert status == 400


async def test_nor_by_a_socket(server: LiveServer) -> None:
    assert await handshake(server, Host=f"{EVIL}:{server.port}") in (400, 403)
    assert await handshake(server, Host=f"localhost:{server.port}") == 101


def test_a_probe_under_any_name_learns_whether_the_server_is_ready(server: LiveServer) -> None:
    assert ask(server, "GET", "/readyz", ("Host", EVIL)) == (200, {"ready": True})
    assert ask(server, "GET", "/readyz")[1].keys() > {"ready", "engine"}


async def test_where_any_name_is_allowed_a_page_under_such_a_name_is_refused(any_name: LiveServer) -> None:
    name = f"{EVIL}:{any_name.port}"
    rebound = (("Host", name), ("Origin", f"http://{name}"))
    assert code(ask(any_name, "POST", "/v1/text-to-speech/demo", *rebound)) == (403, "origin_not_allowed")
    assert await handshake(any_name, Host=name, Origin=f"http://{name}") == 403
    assert ask(any_name, "GET", "/v1/voices", ("Host", name))[0] == 200
    assert await handshake(any_name, Host=name) == 101


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:3000", "http://127.0.0.1", "null"])
async def test_pages_of_other_ports_are_other_pages(server: LiveServer, origin: str) -> None:
    answer = ask(server, "POST", "/v1/text-to-speech/demo", ("Origin", origin))
    assert code(answer) == (403, "origin_not_allowed")
    assert "service.allowed_origins" in answer[1]["detail"]["message"]
    assert await handshake(server, Origin=origin) == 403


async def test_a_page_of_the_server_itself_is_its_own(server: LiveServer) -> None:
    own = f"http://127.0.0.1:{server.port}"
    assert ask(server, "GET", "/v1/voices", ("Origin", own))[0] == 200
    assert await handshake(server, Origin=own) == 101


def test_two_origins_are_none(server: LiveServer) -> None:
    own = ("Origin", f"http://127.0.0.1:{server.port}")
    assert ask(server, "GET", "/v1/voices", own, own)[0] == 403
    assert ask(server, "GET", "/v1/voices", own, ("Origin", f"http://{EVIL}"))[0] == 403


async def test_in_a_host_project_its_names_decide(host: HostServer) -> None:
    key, own = ("xi-api-key", host.key), f"http://127.0.0.1:{host.port}"
    assert ask(host, "GET", "/speech/v1/voices", key, ("Host", EVIL))[0] == 400
    assert ask(host, "GET", "/speech/v1/voices", key, ("Host", "host.example"))[0] == 200
    assert ask(host, "GET", "/speech/v1/voices", key, ("Origin", own))[0] == 200
    assert ask(host, "GET", "/speech/v1/voices", key, ("Origin", "http://127.0.0.1:3000"))[0] == 403
    assert ask(host, "GET", "/speech-ready", ("Host", EVIL)) == (200, {"ready": True})
    assert await handshake(host, Host=EVIL) in (400, 403)
    assert await handshake(host, Origin="http://127.0.0.1:3000") == 403
    assert await handshake(host, Origin=own) == 101
