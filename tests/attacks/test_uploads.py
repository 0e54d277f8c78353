"""Files that nobody may send are not stored, on whatever path: it is decided when the head of a request has come."""

import http.client
import io
import json
from collections.abc import Iterator

import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks import raw
from tests.live.keys import make_keys

pytestmark = pytest.mark.both_servers

FORM = "multipart/form-data; boundary=line"
# Below it a server may keep a body in a file: it reads bodies as long as a request without files can be.
MOST_STORED = 2**20


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    settings = write_settings(
        tmp_path_factory.mktemp("guarded"), access={"require_keys": True}, limits={"max_uploads_per_address": 1}
    )
    with LiveServer(settings) as live:
        yield live


@pytest.fixture(scope="module")
def keys(guarded: LiveServer) -> dict[str, str]:
    return make_keys(guarded, speaker={}, manager={"may_manage_voices": True})


def answer_to(connection: http.client.HTTPConnection) -> tuple[int, str]:
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


@pytest.mark.parametrize(
    ("method", "path", "name", "expected"),
    [
        ("POST", "/v1/voices/add", None, 401),
        ("POST", "/v1/voices/add", "speaker", 403),
        ("POST", "/v1/voices/demo/edit", None, 401),
        ("POST", "/v1/text-to-speech/demo", None, 401),
        ("POST", "/v1/nothing", None, 413),
        ("PUT", "/v1/voices/add", None, 401),
        ("POST", "/admin/voices/voice/add/", None, 413),
        ("POST", "/", None, 413),
    ],
)
def test_a_form_that_its_client_may_not_send_is_not_stored(
    guarded: LiveServer, keys: dict[str, str], method: str, path: str, name: str | None, expected: int
) -> None:
    connection = raw.begin_form(guarded, path, {"xi-api-key": keys[name]} if name else {}, method)
    try:
        assert raw.send_form_and_look(guarded, connection) < MOST_STORED
        connection.send(b"x")
        assert answer_to(connection)[0] == expected
    finally:
        connection.close()


def test_a_form_that_says_that_it_is_too_long_is_refused_at_once(guarded: LiveServer, keys: dict[str, str]) -> None:
    headers = {"xi-api-key": keys["manager"], "Content-Length": str(10**9)}
    connection = raw.begin_form(guarded, "/v1/voices/add", headers)
    try:
        status, text = answer_to(connection)
        assert (status, json.loads(text)["detail"]["code"]) == (413, "request_too_large")
    finally:
        connection.close()


def test_a_form_in_chunks_is_not_stored_either(guarded: LiveServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=60)
    try:
        body = io.BytesIO(raw.FORM_PIECE * raw.FORM_PIECES)
        headers = {"Content-Type": FORM, "Transfer-Encoding": "chunked"}
        connection.request("POST", "/v1/voices/add", body, headers, encode_chunked=True)
        assert answer_to(connection)[0] == 401
    finally:
        connection.close()


def test_an_address_sends_as_many_files_at_a_time_as_allowed(guarded: LiveServer, keys: dict[str, str]) -> None:
    headers = {"xi-api-key": keys["manager"]}
    first = raw.begin_form(guarded, "/v1/voices/add", headers)
    try:
        for _ in range(raw.FORM_PIECES // 2):
            first.send(raw.FORM_PIECE)
        guarded.wait_until(lambda: raw.largest_file(guarded.process.pid) > MOST_STORED)  # it has been admitted
        second = raw.begin_form(guarded, "/v1/voices/add", headers)
        raw.send_form_and_look(guarded, second)
        second.send(b"x")
        status, text = answer_to(second)
        second.close()
        assert (status, json.loads(text)["detail"]["code"]) == (429, "too_many_uploads")
        for _ in range(raw.FORM_PIECES // 2):
            first.send(raw.FORM_PIECE)
        assert answer_to(first)[0] in (400, 422)  # it is no form, but it was read
    finally:
        first.close()
    guarded.wait_until(lambda: raw.largest_file(guarded.process.pid) < MOST_STORED)  # what was stored is gone
