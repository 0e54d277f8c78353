"""Strangers take room that others need: sockets that say nothing, requests that never end."""

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks import raw
from tests.attacks.few_files_server import FILES
from tests.live.client import receive_all, speak
from tests.live.keys import make_keys

pytestmark = pytest.mark.both_servers

STRANGERS = 8
PATIENCE = 60


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    """Keys are required, and everything is narrow."""
    settings = write_settings(
        tmp_path_factory.mktemp("guarded"),
        service={"max_connections": 4},
        access={"require_keys": True},
        limits={
            "max_unidentified_sockets": STRANGERS,
            "max_sockets_per_address": 4,
            "max_waiting_requests": STRANGERS,
            "request_head_seconds": 2.0,
            "request_body_seconds": 2.0,
        },
    )
    with LiveServer(settings) as live:
        yield live


@pytest.fixture(scope="module")
def key(guarded: LiveServer) -> str:
    return make_keys(guarded, client={})["client"]


def has_been_closed(client: socket.socket) -> bool:
    """Read to the end, which has to come."""
    client.settimeout(PATIENCE)
    with suppress(ConnectionError):
        while client.recv(65_536):
            pass
    return True


async def test_strangers_do_not_keep_clients_with_keys_out(guarded: LiveServer, key: str) -> None:
    """More of them than there are places of any kind, all from the address of the client with the key."""
    strangers = [raw.open_socket(guarded) for _ in range(3 * STRANGERS)]
    with raw.closing(strangers):
        async with guarded.connect(additional_headers={"xi-api-key": key}) as client:
            assert (await speak(client, "In the handshake.")).is_final
        async with guarded.connect() as client:
            await client.send(json.dumps({"text": " ", "xi_api_key": key}))
            assert (await speak(client, "In the first message.")).is_final


async def test_a_stranger_that_has_to_leave_is_told_why(guarded: LiveServer) -> None:
    async with guarded.connect() as stranger:
        others = [raw.open_socket(guarded) for _ in range(STRANGERS)]
        with raw.closing(others):
            told = await receive_all(stranger)
    assert told.error
    assert (told.error["error"], told.error["code"]) == ("needs_authorization", 1008)
    assert "No API key came in time" in told.error["message"]


async def test_a_silent_stranger_is_soon_told_to_leave(guarded: LiveServer) -> None:
    async with guarded.connect() as stranger:
        began = time.monotonic()
        told = await receive_all(stranger)
        assert time.monotonic() - began < 15  # before an idle client with a key would be: 20 s
    assert told.error
    assert told.error["error"] == "needs_authorization"


def test_a_head_that_trickles_in_is_not_waited_for(guarded: LiveServer) -> None:
    assert ends_a_trickle(guarded, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X-More: 1\r\n")


def test_a_body_that_trickles_in_is_not_waited_for(guarded: LiveServer) -> None:
    head = b"POST /v1/text-to-speech/demo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
    assert ends_a_trickle(guarded, head + b"Content-Type: application/json\r\n\r\n", b" ")


def ends_a_trickle(server: LiveServer, begin: bytes, more: bytes) -> bool:
    """Send one piece after another: whether the server closes the connection before its client gives up."""
    with raw.connect(server) as client:
        client.sendall(begin)
        client.settimeout(0.25)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(TimeoutError):
                if not client.recv(1):
                    return True
            try:
                client.sendall(more)
            except ConnectionError:
                return True
    return False


def test_half_requests_make_room_for_whole_ones(guarded: LiveServer) -> None:
    clients = []
    for _ in range(3 * STRANGERS):
        client = raw.connect(guarded)
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        clients.append(client)
    with raw.closing(clients):
        assert is_healthy(guarded)
        assert all(has_been_closed(client) for client in clients)


def test_a_server_with_few_files_answers_although_strangers_hold_connections(
    tmp_path_factory: pytest.TempPathFactory, server_program: str
) -> None:
    settings = write_settings(tmp_path_factory.mktemp("few"))
    with LiveServer(settings, command=("-m", "tests.attacks.few_files_server")) as server:
        # The last one may come where the files end, in whichever part of the crowd that is.
        answers = [answer_behind_a_crowd(server, strangers) for strangers in range(FILES // 2, 2 * FILES, 15)]
        assert answers == [b"HTTP/1.1 200 OK"] * len(answers)
        assert f"The limit of open files is {FILES}" in server.log
        assert "Too many open files" not in server.log


def answer_behind_a_crowd(server: LiveServer, strangers: int) -> bytes:
    """The first line that a client gets who comes last, while all of them wait to be accepted."""
    server.process.send_signal(signal.SIGSTOP)
    clients = [raw.connect(server) for _ in range(strangers)]
    with raw.closing(clients), raw.connect(server) as last:
        for client in clients:
            client.sendall(b"GET /healthz HTTP/1.1\r\n")
        last.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.process.send_signal(signal.SIGCONT)
        last.settimeout(PATIENCE)
        try:
            return last.recv(65_536).split(b"\r\n")[0]
        except ConnectionError as error:
            return repr(error).encode()


def is_healthy(server: LiveServer) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()
