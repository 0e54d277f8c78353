"""Another Django project with speech in it withstands the same: its servers are not started by ours."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.attacks import raw
from tests.live.host import HostServer

pytestmark = pytest.mark.both_servers


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[HostServer]:
    with HostServer(folder=tmp_path_factory.mktemp("host"), program=server_program) as live:
        yield live


def test_a_flood_is_not_kept(host: HostServer) -> None:
    idle = raw.resident_bytes(host.process.pid)
    blank = raw.frame(raw.TEXT, json.dumps({"text": " "}).encode())
    clients = [raw.open_socket(host, headers=f"xi-api-key: {host.key}\r\n") for _ in range(4)]
    with raw.closing(clients):
        raw.flood(clients, blank, most=24 * 2**20, seconds=6)
        assert raw.resident_bytes(host.process.pid) - idle < 0.25 * idle
    assert host.speaks()


# Of operations with files. Slashes too many lead to the same.
FORMS = [
    "/speech/v1/voices/add",
    "/speech/v1/voices/demo/edit",
    "/speech//v1/voices/add",
    "//speech/v1/voices/add/",
]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_its_client_may_not_send_is_not_stored(host: HostServer, path: str) -> None:
    connection = raw.begin_form(host, path, {})
    try:
        assert raw.send_form_and_look(host, connection) < 2**20
        connection.send(b"x")
        assert connection.getresponse().status == 401
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["/speech/v1/voices", "/speech//v1/voices", "//speech/v1/voices/", "/speech/v1/voices//"]
)
def test_a_body_without_files_has_a_limit(host: HostServer, path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)) as connection:
        connection.request("POST", path, b"x" * 5_000_000, {"xi-api-key": host.key})
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["detail"]["code"]) == (413, "request_too_large")


def test_half_requests_do_not_keep_others_out(host: HostServer) -> None:
    """More than may wait, and the project itself still answers."""
    clients = [raw.connect(host) for _ in range(300)]
    with raw.closing(clients):
        for client in clients:
            raw.send_quietly(client, b"GET / HTTP/1.1\r\n")
        assert host.speaks()
        assert any(raw.is_closed(client) for client in clients)
