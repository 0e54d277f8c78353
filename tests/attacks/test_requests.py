"""Requests that cost far more to read than to send."""

import http.client
import json
from contextlib import suppress

import pytest

from benchmarks.live_server import LiveServer
from tests.attacks import raw

pytestmark = pytest.mark.both_servers

FORM = "application/x-www-form-urlencoded"


def answer_to(server: LiveServer, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/admin/login/", "/v1/voices/add", "/v1/text-to-speech/demo"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=line", FORM])
@pytest.mark.parametrize("charset", ["charset=punycode", "charset=zlib", "charset=utf-16", "charset*=utf-8''punycode"])
def test_a_body_is_not_decoded_by_a_codec_that_its_client_names(
    server: LiveServer, path: str, kind: str, charset: str
) -> None:
    status, text = answer_to(server, "POST", path, {"Content-Type": f"{kind}; {charset}"}, b"x" * 1000)
    assert (status, json.loads(text)["detail"]["code"]) == (415, "unsupported_charset")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_text_in_utf_8_may_say_so(server: LiveServer, charset: str) -> None:
    body = json.dumps({"text": "Hello."}).encode()
    kind = f"application/json; charset={charset}"
    assert answer_to(server, "POST", "/v1/text-to-speech/demo", {"Content-Type": kind}, body)[0] == 200


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_cookies_are_short(server: LiveServer, path: str) -> None:
    """What reads them takes time in the square of their length."""
    cookie = 'sessionid="' + '\\"' * 6000 + '"'
    status, text = answer_to(server, "GET", path, {"Cookie": cookie}, b"")
    assert (status, json.loads(text)["detail"]["code"]) == (431, "headers_too_large")


def test_a_body_in_tiny_chunks_costs_the_connection(server: LiveServer) -> None:
    head = b"POST /v1/text-to-speech/demo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw.connect(server) as client:
        client.settimeout(60)
        with suppress(ConnectionError):
            client.sendall(head)
            client.sendall(b"1\r\nx\r\n" * 50_000)
            # Nothing but the end: it is not read to its end and answered.
            assert not client.recv(1)
    assert answer_to(server, "GET", "/healthz", {}, b"")[0] == 200
