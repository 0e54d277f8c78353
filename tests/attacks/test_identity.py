"""Strangers on servers that need keys: whatever a request looks like, every operation and every socket refuses them. In the
project and in a host project.

There are four servers: the project's and the host's, on uvicorn and on daphne. A way to write a request meets every server
and every operation, but not every operation on each server: each gets a fourth of them, another one for the next way.
"""

import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import pytest
import websockets
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import Turn, receive_all
from tests.live.host import HostServer
from tests.live.operations import BODY, operations

pytestmark = pytest.mark.both_servers

T = TypeVar("T")
Disguise = Callable[[str], str]
# A path of the API, as somebody may write it who hopes that one reader takes it for another path than the next reader.
DISGUISES: dict[str, Disguise] = {
    "plain": lambda path: path,
    "slash-before": lambda path: f"/{path}",
    "slashes-doubled": lambda path: path.replace("/", "//"),
    "slash-behind": lambda path: f"{path}/",
    "slash-encoded": lambda path: "/" + path[1:].replace("/", "%2f"),
    "slash-encoded-before": lambda path: f"/%2F{path[1:]}",
    "slash-encoded-twice": lambda path: "/" + path[1:].replace("/", "%252f"),
    "backslashes": lambda path: "/" + path[1:].replace("/", "%5c"),
    "letter-encoded": lambda path: path.replace("/v", "/%76"),
    "dot": lambda path: f"/.{path}",
    "dot-encoded": lambda path: f"/%2e{path}",
    "dots": lambda path: f"/healthz/..{path}",
    "dots-encoded": lambda path: f"/healthz/%2e%2e{path}",
    "dots-inside": lambda path: path.replace("/v", "/v/%2e%2e/v"),
    "parameter": lambda path: f"{path};key=1",
    "null": lambda path: f"{path}%00",
    "line-end": lambda path: f"{path}%0d%0a",
    "query-encoded": lambda path: f"{path}%3Fxi-api-key=x",
    "query": lambda path: f"{path}?xi-api-key=x&authorization=Bearer%20x",
    "upper-case": str.upper,
    "below-another-path": lambda path: f"/x{path}",
    "absolute": lambda path: f"http://127.0.0.1{path}",
}
# How proxies and servers are told of another path than that of the request.
HEADERS: list[dict[str, str]] = [
    *(
        {"Daphne-Root-Path": root}
        for root in ("/x", "/x/", "/v1", "/speech", "/speech/v1", "/", "//x", "%2Fx", "x", "\xff")
    ),
    *({name: "/healthz"} for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Path")),
    *({name: "/x"} for name in ("Script-Name", "X-Script-Name", "X-Forwarded-Prefix", "SCRIPT_NAME", "PATH_INFO")),
    {"X-HTTP-Method-Override": "OPTIONS"},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
    {"Authorization": "Bearer"},
    {"xi-api-key": "\xff"},
    {"Cookie": "sessionid=x; xi-api-key=x"},
]
SOCKETS = [f"/v1/text-to-speech/demo/{name}" for name in ("stream-input", "multi-stream-input")]
ROOTS = ["/x", "/speech", "/", "//x"]
SERVERS = ["project-uvicorn", "project-daphne", "host-uvicorn", "host-daphne"]
METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "get", "post", "PoSt"]


def fourth(everything: Sequence[T], turn: int) -> Sequence[T]:
    """One part of as many as there are servers: of turns in a row, each has another."""
    return everything[turn % len(SERVERS) :: len(SERVERS)]


@dataclass(frozen=True)
class Target:
    """`prefix`: where the API is. `number`: in SERVERS."""

    server: LiveServer
    prefix: str
    number: int

    def fourth(self, everything: Sequence[T], way: int) -> Sequence[T]:
        """What way number `way` is tried with on this server."""
        return fourth(everything, way + self.number)

    def socket(self, way: int) -> str:
        """The socket that way number `way` is tried with on this server. Each meets both projects and both programs."""
        return SOCKETS[(way + self.number + self.number // 2) % len(SOCKETS)]

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of the answer. The path goes out as it is written."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)) as connection:
            head = {"Content-Type": "application/json"} | (headers or {})
            connection.request(method, path, json.dumps(BODY), head)
            answer = connection.getresponse()
            return answer.status, answer.read()


@pytest.fixture(scope="module", params=["project", "host"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server_program: str
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp(request.param)
    server = (
        HostServer(folder=folder, program=server_program)
        if request.param == "host"
        else LiveServer(write_settings(folder, access={"require_keys": True}))
    )
    with server:
        number = SERVERS.index(f"{request.param}-{server_program}")
        yield Target(server, "/speech" if request.param == "host" else "", number)
    # Now that it has ended it has said all: daphne looks once a second for applications that have failed.
    assert "Traceback" not in server.log


def is_refusal(status: int, body: bytes) -> bool:
    """Whether it tells a stranger that it is not for them, or that there is no such thing."""
    return 200 <= status < 500 and (status >= 300 or not body) and b"voice_id" not in body


def test_there_are_operations_to_try() -> None:
    assert len(operations()) > 12


@pytest.mark.parametrize("way", range(5))
def test_the_servers_have_all_operations_between_them(way: int) -> None:
    parts = [fourth(operations(), way + number) for number in range(len(SERVERS))]
    assert sorted(map(str, chain(*parts))) == sorted(map(str, operations()))
    assert min(map(len, parts)) > 2


def test_without_a_key_every_operation_says_that_it_needs_one(target: Target) -> None:
    for operation in operations():
        status, body = target.ask(operation.method, target.prefix + operation.path_for("demo"))
        assert (status, b"needs_authorization" in body) == (401, True), (operation, body)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_however_the_path_is_written(target: Target, disguise: str) -> None:
    for operation in target.fourth(operations(), list(DISGUISES).index(disguise)):
        path = DISGUISES[disguise](target.prefix + operation.path_for("demo"))
        answer = target.ask(operation.method, path)
        assert is_refusal(*answer), (operation.method, path, answer)


@pytest.mark.parametrize("disguise", ["slash-before", "slashes-doubled", "slash-behind"])
def test_slashes_too_many_lead_to_the_same_operation_which_asks_for_the_key(target: Target, disguise: str) -> None:
    for operation in target.fourth(operations(), list(DISGUISES).index(disguise)):
        path = DISGUISES[disguise](target.prefix + operation.path_for("demo"))
        status, body = target.ask(operation.method, path)
        assert (status, b"needs_authorization" in body) == (401, True), (operation, path, body)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("disguise", ["slashes-doubled", "slash-behind"])
def test_slashes_too_many_and_a_root_path(target: Target, root: str, disguise: str) -> None:
    """Of the two together, no reader may see another part than the next one does."""
    for operation in target.fourth(operations(), list(DISGUISES).index(disguise) + ROOTS.index(root)):
        for place in {target.prefix, root.rstrip("/") + target.prefix}:
            path = DISGUISES[disguise](place + operation.path_for("demo"))
            answer = target.ask(operation.method, path, {"Daphne-Root-Path": root})
            assert is_refusal(*answer), (operation.method, path, answer)


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_whatever_the_headers_say_of_the_path(target: Target, headers: dict[str, str]) -> None:
    roots = {"", "/x", headers.get("Daphne-Root-Path", "").rstrip("/")}
    for operation in target.fourth(operations(), HEADERS.index(headers)):
        for root in sorted(root for root in roots if root.isascii() and root[:1] in ("", "/")):
            path = root + target.prefix + operation.path_for("demo")
            answer = target.ask(operation.method, path, headers)
            assert is_refusal(*answer), (operation.method, path, answer)


@pytest.mark.parametrize("method", METHODS)
def test_whatever_the_method_is(target: Target, method: str) -> None:
    paths = sorted({operation.path_for("demo") for operation in operations()})
    for path in target.fourth(paths, METHODS.index(method)):
        answer = target.ask(method, target.prefix + path)
        assert is_refusal(*answer), (method, path, answer)


async def ask_socket(target: Target, path: str, headers: dict[str, str] | None = None) -> tuple[int, Turn]:
    """The status of the handshake, and what comes after a first message."""
    url = f"ws://127.0.0.1:{target.server.port}{path}"
    try:
        async with connect(url, additional_headers=headers) as socket:
            await socket.send(json.dumps({"text": "Hello.", "flush": True}))
            return 101, await receive_all(socket)
    except websockets.InvalidStatus as refused:
        return refused.response.status_code, Turn()


def is_refused(status: int, turn: Turn) -> bool:
    """In the handshake, or after the first message."""
    if status != 101:
        return 400 <= status < 500
    refusal = ((turn.error or {}).get("error"), turn.close_code)
    return refusal in (("needs_authorization", 1008), ("invalid_api_key", 1008)) and not turn.packets


@pytest.mark.parametrize(
    "header",
    ["Daphne-Root-Path", "Sec-WebSocket-Protocol", "X-Forwarded-For", "X-Forwarded-Port", "Origin", "Host", "Cookie"],
)
def test_a_handshake_with_bytes_in_a_header_that_are_no_text(target: Target, header: str) -> None:
    """The servers decode some of them by themselves."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", header: "\xff"}
    with closing(http.client.HTTPConnection("127.0.0.1", target.server.port, timeout=60)) as connection:
        connection.request("GET", target.prefix + SOCKETS[0], headers=upgrade)
        status = connection.getresponse().status
    assert status == 101 or 400 <= status < 500


@pytest.mark.parametrize("disguise", sorted(set(DISGUISES) - {"absolute"}))
async def test_sockets_however_the_path_is_written(target: Target, disguise: str) -> None:
    path = target.socket(list(DISGUISES).index(disguise))
    assert is_refused(*await ask_socket(target, DISGUISES[disguise](target.prefix + path)))


@pytest.mark.parametrize("headers", HEADERS, ids=str)
async def test_sockets_whatever_the_headers_say_of_the_path(target: Target, headers: dict[str, str]) -> None:
    path = target.socket(HEADERS.index(headers))
    for root in ("", "/x"):
        assert is_refused(*await ask_socket(target, root + target.prefix + path, headers)), root
