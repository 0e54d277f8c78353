"""What daphne alone does."""

import http.client
import json
import socket
from pathlib import Path

from benchmarks.live_server import LiveServer, write_settings


def test_what_daphne_refuses_is_no_page(tmp_path: Path) -> None:
    with (
        LiveServer(write_settings(tmp_path, service={"server": "daphne"})) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Odd: a\x1cb\r\nConnection: close\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, json.load(answer)["detail"]["code"]) == (400, "bad_request")
