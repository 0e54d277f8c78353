"""`/healthz` and `/readyz` of a live server, as probes ask."""

import http.client
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.live_server import LiveServer, write_settings

pytestmark = pytest.mark.both_servers


def get(server: LiveServer, path: str, host: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if answer.headers["Content-Type"] == "application/json" else body


def test_the_process_answers(server: LiveServer) -> None:
    assert get(server, "/healthz") == (200, {"status": "ok"})


def test_ready_says_what_it_is_ready_with(server: LiveServer) -> None:
    status, report = get(server, "/readyz")
    assert status == 200
    assert report["ready"] is True
    assert (report["database"], report["redis"]) == ("ok", "not configured")
    assert report["forward"].keys() == {"dropped_messages"}
    engine = report["engine"]
    assert (engine["state"], engine["name"], engine["clones"]) == ("ready", "demo", False)
    assert engine["languages"] > 100
    assert engine["error"] is None
    assert "GPL-3.0" in engine["notice"]
    assert {"running", "waiting", "restarts"} < engine.keys()
    process = {"state": "ready", "slots": 2, "running": 0, "preparing": 0, "restarts": 0, "error": None}
    assert engine["processes"] == [process]


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1.2.3:60215", "any.example"])
def test_probes_may_call_it_anything_and_are_told_no_more_than_they_need(server: LiveServer, host: str) -> None:
    assert get(server, "/healthz", host) == (200, {"status": "ok"})
    assert get(server, "/readyz", host) == (200, {"ready": True})


def test_pages_of_django_still_refuse_a_wrong_host(server: LiveServer) -> None:
    assert get(server, "/admin/login/", "10.1.2.3")[0] == 400
    assert get(server, "/admin/login/", "localhost")[0] == 200


def test_a_query_does_not_change_the_answer(server: LiveServer) -> None:
    assert get(server, "/readyz?verbose=1")[0] == 200


@pytest.mark.parametrize("path", ["/healthz/", "/ready", "/readyz/x"])
def test_other_paths_are_not_its_business(server: LiveServer, path: str) -> None:
    assert get(server, path)[0] == 404


def test_while_something_is_missing_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path)) as server:
        with closing(sqlite3.connect(tmp_path / "var" / "db.sqlite3")) as database:
            database.execute("ALTER TABLE voices_voice RENAME TO elsewhere")
        status, report = get(server, "/readyz")
        assert status == 503
        assert report["ready"] is False
        assert report["database"] == "error"
        assert get(server, "/healthz")[0] == 200
        assert "Traceback" not in server.log


def test_ready_says_which_voices_have_spoken(server: LiveServer) -> None:
    """An English text with a Russian name in it: two voices have a part in it."""
    before = get(server, "/readyz")[1]["engine"]["spoken_by"]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps({"text": "My friend Иван."})
    connection.request("POST", "/v1/text-to-speech/demo", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, len(answer.read()) > 1000) == (200, True)
    connection.close()
    after = get(server, "/readyz")[1]["engine"]["spoken_by"]
    for voice in ("en_US-joe-medium", "espeak-ng ru"):
        assert after[voice] == before.get(voice, 0) + 1
