import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from benchmarks.live_server import LiveServer, write_settings

pytestmark = pytest.mark.both_servers

KILOBYTE = b"x" * 1024


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("strict"), service={"max_upload_megabytes": 0.25})
    with LiveServer(settings) as live:
        yield live


def post(server: LiveServer, body: bytes | Iterator[bytes], *, answered_early: bool = False) -> tuple[int, str]:
    """`answered_early`: the answer may come, and the connection be closed, before all has been sent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        with suppress(*((BrokenPipeError, ConnectionResetError) if answered_early else ())):
            connection.request("POST", "/admin/login/", body=body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_body_within_the_limit_reaches_django(strict_server: LiveServer) -> None:
    status, _ = post(strict_server, KILOBYTE * 250)
    assert status == 403  # Django's own word: there is no CSRF token in it


def test_a_body_over_the_limit_is_refused_in_words(strict_server: LiveServer) -> None:
    status, text = post(strict_server, KILOBYTE * 260)
    assert status == 413
    detail = json.loads(text)["detail"]
    assert detail.pop("request_id")
    assert detail == {
        "status": "request_too_large",
        "code": "request_too_large",
        "message": "The request is longer than 262144 bytes.",
    }


def test_a_body_without_a_length_is_refused_too(strict_server: LiveServer) -> None:
    status, _ = post(strict_server, (KILOBYTE for _ in range(260)), answered_early=True)
    assert status == 413


def test_an_endless_body_costs_the_connection(strict_server: LiveServer) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        post(strict_server, (KILOBYTE * 64 for _ in range(10_000)))
    assert strict_server.readiness()["ready"]
    assert "Traceback" not in strict_server.log


def test_a_query_over_the_limit_is_refused_at_the_handshake_of_a_socket_too(strict_server: LiveServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", strict_server.port, timeout=20)
    try:
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        connection.request("GET", f"/v1/text-to-speech/demo/stream-input?model_id={'a' * 8192}", headers=upgrade)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["detail"]["code"]) == (414, "query_too_long")
    finally:
        connection.close()


@pytest.mark.parametrize("size", [16_384, 30_000])
def test_headers_over_the_limit_are_refused_in_words(strict_server: LiveServer, size: int) -> None:
    """The larger ones are above what Twisted takes by itself."""
    connection = http.client.HTTPConnection("127.0.0.1", strict_server.port, timeout=20)
    try:
        connection.request("GET", "/healthz", headers={"X-Long": "a" * size})
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["detail"]["code"]) == (431, "headers_too_large")
    finally:
        connection.close()


@pytest.mark.parametrize("count", [100, 200])
def test_a_handshake_with_too_many_headers_ends(strict_server: LiveServer, count: int) -> None:
    head = (
        "GET /v1/text-to-speech/demo/stream-input HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    )
    head += "".join(f"X-{number}: {'a' * 200}\r\n" for number in range(count))
    with socket.create_connection(("127.0.0.1", strict_server.port), timeout=20) as client:
        client.sendall(
            f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 431
