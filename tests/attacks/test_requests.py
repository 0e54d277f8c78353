"""Requests that cost far more to read than to send."""

import http.client
import json
from contextlib import ExitStack, suppress

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


@pytest.mark.parametrize("path", ["/admin/login/", "/v1/nothing"])
def test_requests_at_the_same_moment_are_not_worked_on_at_the_same_moment(server: LiveServer, path: str) -> None:
    """Each has a thread of its own, and as many threads hold up the event loop for as long as all of them take."""
    count, before = 150, raw.threads_of(server)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode()
    with ExitStack() as stack:
        clients = [stack.enter_context(raw.connect(server)) for _ in range(count)]
        for client in clients:
            client.sendall(head)
        highest = before
        for client in clients:
            client.setblocking(False)
            while not raw.is_readable(client):
                highest = max(highest, raw.threads_of(server))
            client.settimeout(60)
            assert client.recv(12).split()[1] in (b"200", b"404")
    assert highest < before + count / 3


QUADRATIC = 'a/b; x="' + ";" * 15_000
DECODED = "a/b; x*=punycode''" + "9" * 200
UNKNOWN = "a/b; x*=nosuch''a"
IN_PARTS = "text/plain; charset*0=puny; charset*1=code"
ODD_BLANK = "a/b; x*\xa0=nosuch''a"
ODD_PARTS = "a/b; x*\xa0=a; x*1\xa0=b"


@pytest.mark.parametrize("path", ["/healthz", "/v1/voices", "/admin/login/", "/nothing"])
@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (QUADRATIC, (431, "headers_too_large")),
        (DECODED, (415, "unsupported_charset")),
        (UNKNOWN, (415, "unsupported_charset")),
        (IN_PARTS, (415, "unsupported_charset")),
        (ODD_BLANK, (415, "unsupported_charset")),
        (ODD_PARTS, (415, "unsupported_charset")),
    ],
    ids=["quadratic", "decoded", "unknown", "in-parts", "odd-blank", "odd-parts"],
)
def test_a_content_type_is_not_read_by_what_it_can_keep_busy(
    server: LiveServer, path: str, content_type: str, expected: tuple[int, str]
) -> None:
    before = server.log.count("Traceback")
    status, text = answer_to(server, "GET", path, {"Content-Type": content_type}, b"")
    assert (status, json.loads(text)["detail"]["code"]) == expected
    assert server.log.count("Traceback") == before


@pytest.mark.parametrize("content_type", [QUADRATIC, DECODED, UNKNOWN], ids=["quadratic", "decoded", "unknown"])
def test_the_content_type_of_a_handshake_is_not_read_so_either(server: LiveServer, content_type: str) -> None:
    before = server.log.count("Traceback")
    with raw.connect(server) as client:
        client.sendall(raw.handshake(server, headers=f"Content-Type: {content_type}\r\n"))
        assert client.recv(4096).split()[1] in (b"403", b"415", b"431")
    assert server.log.count("Traceback") == before


def test_a_request_has_one_content_type(server: LiveServer) -> None:
    """Django would join them, and read one as long as all of them."""
    head = f"GET /v1/voices HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n" + "Content-Type: a/b; x=1\r\n" * 2 + "\r\n"
    with raw.connect(server) as client:
        client.sendall(head.encode())
        assert client.recv(4096).split()[1] == b"400"


def test_a_form_without_files_is_short(server: LiveServer) -> None:
    """Each part has a head of its own, and the work grows with the square of its length."""
    part = b'--line\r\nContent-Disposition: form-data; name="a"; x="' + b";" * 900 + b'"\r\n\r\nx\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=line"}
    status, text = answer_to(server, "POST", "/admin/login/", headers, part * 600 + b"--line--\r\n")
    assert (status, json.loads(text)["detail"]["code"]) == (413, "request_too_large")


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
