"""Real server processes, for tests and benchmarks."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from websockets.asyncio.client import connect

from benchmarks.made_once import made_once
from xtts_site.config import PROJECT_DIR

START_SECONDS = 180.0
# Names the server that `write_settings` asks for: uvicorn or daphne.
SERVER_VARIABLE = "SPEECH_SERVER"
# Settings of the section `service`, as JSON, of all servers whose settings are written here and say nothing else.
SERVICE_VARIABLE = "SPEECH_SERVICE"


def free_port() -> int:
    """A port that stays free for a minute, so that a server gets it that starts in the meantime.

    A connection that was closed from its side leaves the port waiting (TCP's TIME_WAIT). The kernel gives such a port to
    nobody who asks for any port, and to a server that asks for this one with SO_REUSEADDR, as servers do.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port: int = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            listener.accept()[0].close()
            client.recv(1)
    return port


def command_environment(settings_file: Path) -> dict[str, str]:
    """The environment of a process that reads only this settings file."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("XTTS_")}
    for variable in ("REDIS_URL", "DATABASE_URL"):
        inherited.pop(variable, None)
    return inherited | {"XTTS_SETTINGS_FILE": str(settings_file), "PYTHONUNBUFFERED": "1"}


def manage(settings_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a management command to its end."""
    return run_python(settings_file, "manage.py", *arguments)


def run_python(settings_file: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's folder to its end, with variables beside the settings file."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env=command_environment(settings_file) | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def write_settings(directory: Path, **sections: Any) -> Path:
    """A settings file with a data folder and a port of its own."""
    service = {"port": free_port(), "data_dir": str(directory / "var")}
    if server := os.environ.get(SERVER_VARIABLE):
        service["server"] = server
    service |= json.loads(os.environ.get(SERVICE_VARIABLE, "{}"))
    service |= sections.pop("service", {})
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump({"service": service, **sections}))
    return path


def set_up(settings_file: Path) -> None:
    """`manage.py setup`. What it makes is copied where that is the same, since making it takes a second."""
    settings = yaml.safe_load(settings_file.read_text())
    data_dir = Path(settings["service"]["data_dir"])
    if _has_a_set_up_of_its_own(settings):
        _run_setup(settings_file)
    elif not (data_dir / "db.sqlite3").exists():
        shutil.copytree(made_once("data-as-set-up", _make_data), data_dir, dirs_exist_ok=True)


def _has_a_set_up_of_its_own(settings: dict[str, Any]) -> bool:
    """Whether `manage.py setup` makes something else for them, or in another place."""
    return (
        "database_url" in settings
        or "speaker_wav" in settings.get("model", {})
        or settings.get("voices", {}).get("unknown") == "default"
    )


def _make_data(folder: Path) -> None:
    """A data folder with the first database and the first secrets."""
    with tempfile.TemporaryDirectory() as settings_folder:
        settings_file = Path(settings_folder) / "config.yaml"
        settings_file.write_text(yaml.safe_dump({"service": {"data_dir": str(folder)}}))
        _run_setup(settings_file)


def _run_setup(settings_file: Path) -> None:
    done = manage(settings_file, "setup")
    assert done.returncode == 0, done.stderr


@dataclass
class LiveServer:
    """`manage.py serve` (or another command) in a process of its own. `passed`: descriptors that it inherits."""

    settings_file: Path
    command: tuple[str, ...] = ("manage.py", "serve")
    passed: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] = field(init=False)
    directory: Path = field(init=False, default=PROJECT_DIR)

    def __post_init__(self) -> None:
        settings = yaml.safe_load(self.settings_file.read_text())
        self.port: int = settings["service"]["port"]
        self.is_tls = "tls_certificate" in settings["service"]
        self.log_path = self.settings_file.parent / "server.log"

    def prepare(self) -> None:
        """What has to be there before the server starts."""
        set_up(self.settings_file)

    def __enter__(self) -> Self:
        self.prepare()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.directory,
                env=command_environment(self.settings_file),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.passed,
            )
        try:
            if not self.is_tls:
                self.wait_until(lambda: self.readiness()["ready"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A second signal ends it at once, where the first has it wait for clients.
        if self.process.poll() is None and not self._ends_within(3) and not self._ends_within(15):
            self.process.kill()
            self.process.wait()

    def _ends_within(self, seconds: float) -> bool:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def base_url(self) -> str:
        return f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.port}"

    def url(self, voice_id: str = "demo", query: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/v1/text-to-speech/{voice_id}/stream-input{query}"

    def connect(self, voice_id: str = "demo", query: str = "", **options: Any) -> Any:
        return connect(self.url(voice_id, query), **options)

    def connect_contexts(self, voice_id: str = "demo", query: str = "", **options: Any) -> Any:
        url = f"ws://127.0.0.1:{self.port}/v1/text-to-speech/{voice_id}/multi-stream-input{query}"
        return connect(url, **options)

    def readiness(self) -> dict[str, Any]:
        """What /readyz says; {"ready": False} while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=10) as answer:  # noqa: S310
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.load(error))
        except OSError:
            return {"ready": False}

    def wait_until(self, condition: Any, seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"the server ended:\n{self.log}"
            assert time.monotonic() < end, f"it did not happen in {seconds} s:\n{self.log}"
            time.sleep(0.05)

    def engine_pids(self) -> list[int]:
        """The engine processes of this server that are alive."""
        pids = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError, IndexError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid and b"streaming.engine.host" in (entry / "cmdline").read_bytes():
                    pids.append(int(entry.name))
        return pids
