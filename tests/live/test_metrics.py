"""/metrics of a live server: who may see it, in which format, and what it shows of what has happened."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from benchmarks.live_server import LiveServer, free_port, manage, write_settings
from tests.attacks.signing_in import sign_in
from tests.live.client import speak
from tests.live.scraping import AUTHORIZATION, TOKEN, Metrics
from tests.live.test_health import get
from xtts_site.config import PROJECT_DIR

DOCUMENT = PROJECT_DIR / "docs" / "metrics.md"
pytestmark = pytest.mark.both_servers

SIGN_UP = (
    "from django.contrib.auth.models import User\n"
    "User.objects.create_user('{name}', password='pw', is_staff={is_staff})"
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("measured")
    service = {"server": server_program, "metrics_port": free_port(), "engine_heartbeat_seconds": 30}
    with LiveServer(write_settings(folder, service=service, metrics={"token": TOKEN})) as live:
        yield live


def metrics_port(server: LiveServer) -> int:
    port: int = yaml.safe_load(server.settings_file.read_text())["service"]["metrics_port"]
    return port


def ask(server: LiveServer, path: str = "/metrics", method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, f"{server.base_url}{path}", headers=headers, timeout=30)


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ö"])
def test_without_the_token_nothing_is_told(measured: LiveServer, wrong: str) -> None:
    answer = httpx.get(f"{measured.base_url}/metrics", headers={b"Authorization": wrong.encode("latin-1")}, timeout=30)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "speech_" not in answer.text
    assert TOKEN not in answer.text


def test_a_scraper_may_call_the_server_by_any_name(measured: LiveServer) -> None:
    answer = ask(measured, Host="10.1.2.3", Authorization=AUTHORIZATION)
    assert answer.status_code == 200
    assert "speech_engine_starts_total" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_only_read(measured: LiveServer) -> None:
    assert ask(measured, method="POST", Authorization=AUTHORIZATION).status_code == 405
    head = ask(measured, method="HEAD", Authorization=AUTHORIZATION)
    assert (head.status_code, head.content) == (200, b"")


def test_text_is_what_a_client_gets_that_wants_nothing_else(measured: LiveServer) -> None:
    answer = ask(measured, Authorization=AUTHORIZATION)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_openmetrics_is_what_a_client_gets_that_accepts_it(measured: LiveServer) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.1"
    answer = ask(measured, Authorization=AUTHORIZATION, Accept=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert answer.text.endswith("# EOF\n")
    names = {family.name for family in text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]
    assert "speech_engine_starts" in names


@pytest.mark.parametrize(("is_staff", "status"), [(True, 200), (False, 401)])
def test_of_those_who_have_signed_in_only_staff_sees_it(measured: LiveServer, is_staff: bool, status: int) -> None:
    name = f"staff-{is_staff}"
    made = manage(measured.settings_file, "shell", "-c", SIGN_UP.format(name=name, is_staff=is_staff))
    assert made.returncode == 0, made.stderr
    with httpx.Client(base_url=measured.base_url, timeout=60) as browser:
        sign_in(browser, name, "pw")
        answer = browser.get("/metrics")
    assert answer.status_code == status
    assert ("speech_engine_starts_total" in answer.text) is is_staff


def test_the_port_of_its_own_is_open_and_has_nothing_else(measured: LiveServer) -> None:
    port = metrics_port(measured)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as scraper:
        answer = scraper.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert Metrics(answer.text).names == Metrics.of(measured).names
        assert scraper.get("/v1/voices").status_code == 404
        assert scraper.post("/metrics").status_code == 501


def test_a_client_that_says_nothing_to_the_port_keeps_no_other_away(measured: LiveServer) -> None:
    port = metrics_port(measured)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).status_code == 200
    for client in silent:
        client.close()


async def test_paced_packets_count_with_their_lateness(measured: LiveServer) -> None:
    before = Metrics.of(measured)
    async with measured.connect(query="?mode=generate&target_lead_ms=20") as client:
        await speak(client, "A few words.")
    assert Metrics.of(measured).value("speech_packet_lateness_seconds_count") >= (
        before.value("speech_packet_lateness_seconds_count") + 5
    )


def test_the_steps_of_the_engine_are_counted(measured: LiveServer) -> None:
    def steps() -> float:
        return Metrics.of(measured).value("speech_engine_step_seconds_count")

    before = steps()
    body = {"text": "Some words."}
    assert httpx.post(f"{measured.base_url}/v1/text-to-speech/demo", json=body, timeout=60).status_code == 200
    measured.wait_until(lambda: steps() > before)


def test_an_engine_that_dies_is_counted(measured: LiveServer) -> None:
    before = Metrics.of(measured)
    [pid] = measured.engine_pids()
    os.kill(pid, signal.SIGKILL)
    measured.wait_until(
        lambda: (
            Metrics.of(measured).value("speech_engine_starts_total") == 1 + before.value("speech_engine_starts_total")
        )
    )
    after = Metrics.of(measured)
    assert after.value("speech_engine_deaths_total", cause="exited") == 1 + before.value("speech_engine_deaths_total")
    assert after.value("speech_engine_processes", state="ready") == 1


def test_the_token_is_in_no_log(measured: LiveServer) -> None:
    ask(measured, Authorization=AUTHORIZATION)
    ask(measured, Authorization=f"Bearer {TOKEN}x")
    assert TOKEN not in measured.log


def test_without_a_token_only_staff_sees_it(server: LiveServer) -> None:
    assert get(server, "/metrics")[0] == 401
    assert ask(server, Authorization="Bearer None").status_code == 401


def test_every_metric_is_documented_and_every_documented_one_is_there(measured: LiveServer) -> None:
    rows = [line.split("|")[1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `speech_")]
    documented = {name for row in rows for name in re.findall("`([a-z_]+)`", row)}
    assert documented == Metrics.of(measured).metrics


def test_a_port_that_is_in_use_is_one_sentence_and_no_end(tmp_path: Path, server_program: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = write_settings(tmp_path, service={"server": server_program, "metrics_port": port})
        with LiveServer(settings) as live:
            live.wait_until(lambda: "metrics_port" in live.log)
            assert f"service.metrics_port {port}: Address already in use." in live.log
            assert "Traceback" not in live.log
            taken.close()
            live.wait_until(lambda: f"The metrics are at http://127.0.0.1:{port}/metrics" in live.log)
