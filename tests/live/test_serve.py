"""Starting and not starting: `serve` and the commands, as the processes that an operator sees."""

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import daphne.server  # noqa: F401 - installs the reactor that it needs
import pytest
import trustme
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from benchmarks.live_server import (
    LiveServer,
    command_environment,
    free_port,
    manage,
    run_python,
    set_up,
    write_settings,
)
from streaming.access.models import ApiKey
from streaming.conf import ModelConfig
from streaming.connection.listening import BACKLOG
from streaming.daphne.server import endpoint
from tests.live.client import send
from xtts_site.config import PROJECT_DIR, Config, ServiceConfig
from xtts_site.management.commands.serve import key_warning, listening_of, name_warning, what_speaks


def engines_reading(settings_file: Path) -> list[int]:
    """Engine processes that were started with these settings."""
    wanted, found = f"XTTS_SETTINGS_FILE={settings_file}".encode(), []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            if wanted in environment and b"streaming.engine.host" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def refused(settings_file: Path, **environment: str) -> str:
    """What `serve` says instead of starting: one sentence, with nothing left behind."""
    result = run_python(settings_file, "manage.py", "serve", **environment)
    said = result.stderr.splitlines()
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    sentences = [line for line in said if not re.match(r"[0-9-]+ [0-9:,]+ (INFO|WARNING) ", line)]
    assert len(sentences) == 1, result.stderr
    assert sentences[0][-1] == "."
    assert sentences[0][-2] not in ".?!"
    assert engines_reading(settings_file) == []
    return sentences[0]


@pytest.fixture(scope="module")
def ready_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that only needs to be started."""
    folder = tmp_path_factory.mktemp("ready")
    set_up(write_settings(folder))
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def settings_with(folder: Path, **sections: Any) -> Path:
    service = {"data_dir": str(folder / "var")} | sections.pop("service", {})
    return write_settings(folder, service=service, **sections)


def test_a_port_that_is_taken(ready_folder: Path, taken_port: int) -> None:
    sentence = refused(settings_with(ready_folder, service={"port": taken_port}))
    assert f"port {taken_port}" in sentence
    assert "in use" in sentence


def test_an_address_that_is_not_ours(ready_folder: Path) -> None:
    assert "192.0.2.1" in refused(settings_with(ready_folder, service={"host": "192.0.2.1"}))


def test_an_address_that_is_none(ready_folder: Path) -> None:
    assert "no-such-host" in refused(settings_with(ready_folder, service={"host": "no-such-host"}))


def test_a_database_that_is_not_set_up(tmp_path: Path) -> None:
    assert "manage.py setup" in refused(write_settings(tmp_path))


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    sentence = refused(write_settings(tmp_path), DATABASE_URL=f"postgres://a:geheim@127.0.0.1:{free_port()}/v")
    assert "DATABASE_URL" in sentence
    assert "geheim" not in sentence


@pytest.mark.parametrize("url", ["nonsense://host/voices", "postgres://anna:geheim@host:port/voices"])
def test_a_database_address_that_is_none(tmp_path: Path, url: str) -> None:
    sentence = refused(write_settings(tmp_path), DATABASE_URL=url)
    assert "DATABASE_URL" in sentence
    assert "geheim" not in sentence


@pytest.mark.parametrize("port", ["", "port"])
def test_redis_that_is_not_there(ready_folder: Path, port: str) -> None:
    url = f"redis://:geheim@127.0.0.1:{port or free_port()}/0"
    sentence = refused(settings_with(ready_folder), REDIS_URL=url)
    assert "REDIS_URL" in sentence
    assert "geheim" not in sentence


def test_tls_files_that_are_missing(ready_folder: Path) -> None:
    service = {"tls_certificate": "missing.pem", "tls_key": "missing.key"}
    sentence = refused(settings_with(ready_folder, service=service))
    assert "service.tls_certificate" in sentence
    assert "missing.pem" in sentence


@pytest.mark.parametrize("bad", ["certificate", "key"])
def test_tls_files_that_are_none(ready_folder: Path, tmp_path: Path, bad: str) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    issued.private_key_pem.write_to_path(tmp_path / "key")
    (tmp_path / bad).write_text("not a PEM file")
    service = {"tls_certificate": str(tmp_path / "certificate"), "tls_key": str(tmp_path / "key")}
    sentence = refused(settings_with(ready_folder, service=service))
    assert f"tls_{bad}" in sentence


def test_a_setting_that_is_wrong(tmp_path: Path) -> None:
    settings_file = write_settings(tmp_path)
    assert "XTTS_SERVICE__PORT" in refused(settings_file, XTTS_SERVICE__PORT="http")


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    assert "data_dir" in refused(write_settings(tmp_path, service={"data_dir": "/dev/null/var"}))


@pytest.mark.parametrize("command", [["migrate", "--check"], ["check"], ["showmigrations"]])
def test_other_commands_start_no_engine(ready_folder: Path, command: list[str]) -> None:
    result = manage(settings_with(ready_folder), *command)
    assert (result.returncode, result.stderr) == (0, "")


def test_other_modules_than_asgi_know_no_engine(ready_folder: Path) -> None:
    code = (
        "import sys, django; django.setup(); from django.core.management import call_command; call_command('check');"
        "import streaming.sockets.consumers;"
        "print([m for m in sys.modules if m in ('xtts_site.asgi', 'piper', 'onnxruntime')])"
    )
    environment = command_environment(settings_with(ready_folder)) | {"DJANGO_SETTINGS_MODULE": "xtts_site.settings"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"port": 80}, "tcp:80:interface=127.0.0.1"),
        ({"port": 80, "host": "::1"}, r"tcp:80:interface=\:\:1"),
        ({"port": 80, "host": "[::]"}, r"tcp:80:interface=\:\:"),
        (
            {"port": 443, "tls_certificate": "/a:b/c=d.pem", "tls_key": "/k\\e.pem"},
            r"ssl:443:privateKey=/k\\e.pem:certKey=/a\:b/c=d.pem:interface=127.0.0.1",
        ),
    ],
)
def test_the_endpoint_in_the_language_of_twisted(settings: dict[str, Any], expected: str) -> None:
    assert endpoint(listening_of(ServiceConfig(**settings))) == f"{expected}:backlog={BACKLOG}"


def test_twisted_reads_an_ipv6_endpoint() -> None:
    read: Any = serverFromString  # Twisted has no types
    made = read(reactor, endpoint(listening_of(ServiceConfig(host="::1", port=80))))
    assert (made._port, made._interface, made._backlog) == (80, "::1", BACKLOG)


def test_it_listens_on_ipv6_and_says_where(tmp_path: Path) -> None:
    with Ipv6Server(write_settings(tmp_path, service={"host": "::1"})) as server:
        assert server.readiness()["ready"]
        assert f"http://[::1]:{server.port}/readyz" in server.log
        assert f"ws://[::1]:{server.port}/v1/" in server.log
        assert f"http://[::1]:{server.port}/docs" in server.log


@pytest.mark.parametrize("required", [True, False])
def test_the_command_that_it_shows_has_a_key_where_one_is_needed(tmp_path: Path, required: bool) -> None:
    with LiveServer(write_settings(tmp_path, access={"require_keys": required})) as server:
        [line] = [line for line in server.log.splitlines() if line.startswith("Speak:")]
        assert (" --api-key KEY " in line) is required


def test_the_command_that_it_shows_speaks_with_a_certificate_that_nobody_else_trusts(tmp_path: Path) -> None:
    subject = ["-subj", "/CN=speech", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*made, *subject], cwd=tmp_path, check=True, capture_output=True)
    files = {"tls_certificate": str(tmp_path / "certificate.pem"), "tls_key": str(tmp_path / "key.pem")}
    with LiveServer(write_settings(tmp_path, service=files)) as server:
        server.wait_until(lambda: "Speak:" in server.log)
        [line] = [line for line in server.log.splitlines() if line.startswith("Speak:")]
        command = [*shlex.split(line.removeprefix("Speak:")), "--no-save"]
        assert "--ca-file" in command

        def speaks() -> bool:
            done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
            assert "certificate" not in done.stderr, done.stderr
            return done.returncode == 0

        server.wait_until(speaks)


class Ipv6Server(LiveServer):
    @property
    def base_url(self) -> str:
        return f"http://[::1]:{self.port}"


@pytest.mark.parametrize("start", [(str(Path(sys.executable).parent / "daphne"),), ("-m", "daphne")])
async def test_the_command_line_of_daphne_works_without_serve(tmp_path: Path, start: tuple[str, ...]) -> None:
    settings_file = write_settings(tmp_path)
    port = str(LiveServer(settings_file).port)
    with LiveServer(settings_file, (*start, "xtts_site.asgi:application", "-p", port)) as server:
        async with server.connect() as client:
            await send(client, text="Hello.", flush=True)
            assert "audio" in str(await client.recv())
        assert "command line, which sets address" in server.log
        [pid] = server.engine_pids()
        server.process.terminate()
        assert server.process.wait(15) == 0
        assert not Path(f"/proc/{pid}").exists()
        assert "Traceback" not in server.log


def test_ending_it_during_the_start_leaves_no_engine(tmp_path: Path) -> None:
    settings_file = write_settings(tmp_path)
    with HastyServer(settings_file) as server:
        server.wait_until(server.engine_pids)
        server.process.terminate()
        server.process.wait(15)
    wait_until_gone(settings_file)
    assert engines_reading(settings_file) == []


class HastyServer(LiveServer):
    """Is not waited for."""

    def readiness(self) -> dict[str, Any]:
        return {"ready": True}


def wait_until_gone(settings_file: Path) -> None:
    for _ in range(200):
        if not engines_reading(settings_file):
            return
        time.sleep(0.05)
    pytest.fail("an engine is left")


def test_it_says_what_speaks_and_under_which_licence() -> None:
    assert "the embedded voices" in what_speaks(ModelConfig())
    assert "irina (ru)" in what_speaks(ModelConfig(demo_voices={"ru": Path("/srv/irina.onnx")}))
    xtts = what_speaks(ModelConfig(checkpoint_path=Path("/srv/xtts")))
    assert xtts.startswith("XTTS v2 from /srv/xtts. ")
    assert "non-commercial use only (CPML)" in xtts


def test_a_checkpoint_that_is_not_there(ready_folder: Path) -> None:
    sentence = refused(settings_with(ready_folder, model={"checkpoint_path": "missing"}))
    assert sentence == f"{ready_folder}/missing does not exist (model.checkpoint_path)."


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "[::1]"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    assert key_warning(config_with(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "speech.example"])  # noqa: S104
def test_listening_beyond_this_machine_without_keys_warns_loudly(host: str) -> None:
    warning = key_warning(config_with(host=host))
    assert warning is not None
    assert f"NO API KEYS, AND LISTENING ON {host}." in warning
    assert "access.require_keys: true" in warning


@pytest.mark.parametrize(
    ("host", "names", "keys", "said"),
    [
        ("0.0.0.0", ["localhost", "127.0.0.1", "[::1]"], True, "names this machine alone"),  # noqa: S104
        ("0.0.0.0", ["localhost", "speech.example"], True, None),  # noqa: S104
        ("0.0.0.0", ["*"], True, None),  # noqa: S104
        ("127.0.0.1", ["*"], False, "DNS rebinding"),
        ("127.0.0.1", ["localhost"], False, None),
    ],
)
def test_names_that_fit_nobody_or_everybody_are_said(host: str, names: list[str], keys: bool, said: str | None) -> None:
    warning = name_warning(config_with(require_keys=keys, host=host, allowed_hosts=names))
    assert (warning is None) if said is None else (said in str(warning))


@pytest.mark.django_db
def test_required_keys_of_which_there_is_none() -> None:
    config = config_with(require_keys=True, host="0.0.0.0")  # noqa: S104
    assert "create_key" in str(key_warning(config))
    ApiKey.objects.create_with_secret(name="Test")
    assert key_warning(config) is None


def config_with(*, require_keys: bool = False, **service: Any) -> Config:
    sections: dict[str, Any] = {name: {} for name in Config.model_fields if not name.endswith("_url")}
    return Config.model_validate(sections | {"access": {"require_keys": require_keys}, "service": service})
