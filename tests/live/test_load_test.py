"""`manage.py bench_stream` with a real server, and few clients."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from benchmarks.live_server import LiveServer, command_environment, free_port, write_settings
from streaming.load_test.clients import Target
from streaming.load_test.crowd import Crowd
from streaming.load_test.figures import UNFINISHED
from streaming.load_test.plan import KINDS, Scenario, visits
from streaming.load_test.server_load import family, listening_process
from tests.live.keys import make_keys
from xtts_site.config import PROJECT_DIR


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that requires keys."""
    settings = write_settings(tmp_path_factory.mktemp("locked"), access={"require_keys": True})
    with LiveServer(settings) as live:
        yield live


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Settings of an installation that has no database."""
    return write_settings(tmp_path)


def start(settings: Path, url: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "bench_stream", "--url", url, *options],
        cwd=PROJECT_DIR,
        env=command_environment(settings) | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(settings: Path, url: str, *options: str, **environment: str) -> dict[str, Any]:
    """The result as JSON."""
    result = settings.parent / "result.json"
    with start(settings, url, *options, "--json", str(result), **environment) as running:
        out, problems = running.communicate(timeout=170)
    assert running.returncode == 0, problems
    assert "clients came in" in out
    assert "Traceback" not in problems
    return dict(json.loads(result.read_text()))


def spoken(server: LiveServer) -> int:
    """How many utterances its engine has spoken."""
    return sum(server.readiness()["engine"]["spoken_by"].values())


# All clients come within two seconds, and there are none but these four.
FEW = ("--rate", "1000", "--clients", "4", "--seconds", "2", "--grace", "120")
DISCARD = 9  # a port at which no proxy listens


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_client_is_heard_in_each_of_its_turns(server: LiveServer, elsewhere: Path, kind: str) -> None:
    options = ("--rate", "1000", "--clients", "1", "--grace", "120", "--turns", "2", "--think", "0.1", "--kinds", kind)
    figures = result_of(elsewhere, server.base_url, *options)["figures"]
    assert figures["ends"] == {"complete": 2}
    assert figures["silent"] == 0
    assert figures["ttfa"]["p50"] > 0
    assert figures["audio_seconds"] > 1
    assert figures["by_kind"].keys() == {kind}


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Its authority is authority.pem beside its settings."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    files = {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}
    with LiveServer(write_settings(folder, service=files)) as live:
        live.wait_until(lambda: "is ready" in live.log)
        yield live


@pytest.mark.parametrize("kind", KINDS)
def test_the_authorities_of_the_machine_are_trusted(tls_server: LiveServer, elsewhere: Path, kind: str) -> None:
    trusted = str(tls_server.settings_file.parent / "authority.pem")
    options = (*FEW, "--kinds", kind)
    heard = result_of(elsewhere, tls_server.base_url, *options, SSL_CERT_FILE=trusted)["figures"]
    assert heard["ends"] == {"complete": 4}


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_of_the_environment_is_not_used(server: LiveServer, elsewhere: Path, kind: str) -> None:
    proxy = dict.fromkeys(("http_proxy", "https_proxy"), f"http://127.0.0.1:{DISCARD}") | {"no_proxy": ""}
    heard = result_of(elsewhere, server.base_url, *FEW, "--kinds", kind, **proxy)["figures"]
    assert heard["ends"] == {"complete": 4}


async def test_clients_come_when_they_have_planned_to_though_nobody_is_answered() -> None:
    scenario = Scenario(rate=100, clients=20, seconds=60, kinds=dict.fromkeys(KINDS, 1.0), voices={"demo": 1.0})
    planned = visits(scenario)
    held = []
    async with await asyncio.start_server(lambda *streams: held.append(streams), "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        crowd = Crowd(Target(f"http://127.0.0.1:{port}"))
        await crowd.run(planned, grace=0, stop=asyncio.Event())
        for _, writer in held:
            writer.transport.abort()
    assert crowd.came == crowd.most_present == 20
    assert {outcome.end for outcome in crowd.outcomes} == {UNFINISHED}
    intended = sorted(outcome.hearing.intended - crowd.begun for outcome in crowd.outcomes)
    assert intended == pytest.approx([visit.at for visit in planned])


def test_the_servers_own_cost_is_measured(server: LiveServer, elsewhere: Path) -> None:
    load = result_of(elsewhere, server.base_url, *FEW)["server"]
    assert load["processes"] >= 2
    assert load["cores"] > 0
    assert load["most_bytes"] > 10 * 2**20


def test_a_server_is_found_by_its_port(server: LiveServer) -> None:
    assert listening_process(server.port) == server.process.pid
    assert set(server.engine_pids()) <= set(family(server.process.pid))
    assert listening_process(free_port()) is None


def test_slow_and_vanishing_clients_take_part(server: LiveServer, elsewhere: Path) -> None:
    options = (*FEW, "--slow", "0.5", "--vanishing", "1")
    ends = result_of(elsewhere, server.base_url, *options)["figures"]["ends"]
    # A client vanishes in the first seconds of sound; a text may be shorter.
    assert "vanished" in ends
    assert ends.keys() <= {"vanished", "complete"}


def test_refusals_have_the_reason_of_the_server(server: LiveServer, elsewhere: Path) -> None:
    options = (*FEW, "--clients", "8", "--voices", "nobody")
    figures = result_of(elsewhere, server.base_url, *options)["figures"]
    assert figures["refused"] == {"voice_not_found": 8}
    assert figures["ttfa"] is None


def test_a_key_is_sent(locked: LiveServer, elsewhere: Path) -> None:
    refused = result_of(elsewhere, locked.base_url, *FEW, "--kinds", "http,multi", SPEECH_API_KEY="sk_wrong")
    assert refused["figures"]["refused"] == {"invalid_api_key": 4}
    key = elsewhere.parent / "key"
    key.write_text(make_keys(locked, alice={})["alice"] + "\n")
    heard = result_of(elsewhere, locked.base_url, *FEW, "--kinds", "http,multi", "--key-file", str(key))
    assert heard["figures"]["ends"] == {"complete": 4}
    assert "sk_" not in json.dumps(heard)


def test_a_server_that_is_not_there_is_a_result_too(elsewhere: Path) -> None:
    assert result_of(elsewhere, f"http://127.0.0.1:{free_port()}", *FEW)["figures"]["refused"] == {"cannot connect": 4}


def test_ctrl_c_gives_what_there_is_so_far(server: LiveServer, elsewhere: Path) -> None:
    result = elsewhere.parent / "result.json"
    picture = elsewhere.parent / "result.png"
    options = ("--rate", "0.5", "--seconds", "3600", "--turns", "1000", "--think", "0.01", "--kinds", "native")
    outputs = ("--json", str(result), "--png", str(picture))
    before = spoken(server)
    with start(elsewhere, server.base_url, *options, *outputs) as running:
        server.wait_until(lambda: spoken(server) > before)
        running.send_signal(signal.SIGINT)
        out, problems = running.communicate(timeout=100)
    assert running.returncode == 0, problems
    assert "Stopped before the end." in out
    read = json.loads(result.read_text())
    assert read["was_stopped"]
    assert read["figures"]["turns"] >= 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_terminal_gets_a_bar(server: LiveServer, elsewhere: Path) -> None:
    """Even one that does not know its size."""
    terminal, ours = pty.openpty()
    command = [sys.executable, "manage.py", "bench_stream", "--url", server.base_url, *FEW, "--kinds", "http"]
    done = subprocess.run(
        command, cwd=PROJECT_DIR, env=command_environment(elsewhere), stdout=subprocess.PIPE, stderr=ours, check=False
    )
    os.close(ours)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.returncode == 0, shown
    assert "4/4" in shown
    assert "complete=4" in shown


def test_sessions_py_has_the_same_clients(server: LiveServer, elsewhere: Path) -> None:
    command = [sys.executable, "benchmarks/sessions.py", "--url", server.base_url, "--sessions", "2", "--repeat", "1"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[3:]] == ["2"]
