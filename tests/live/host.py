"""A Django project that is not ours, served with speech in it."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.live_server import LiveServer, free_port
from benchmarks.made_once import made_once
from xtts_site.config import PROJECT_DIR

HOST_PROJECT = PROJECT_DIR / "tests" / "host_project"
EMAIL, PASSWORD = "anna@host.example", "the-password"


def host_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Of a process of the project, whose data are in `folder`. Nothing of our own project's settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("XTTS_", "DJANGO_"))}
    path = os.pathsep.join([str(HOST_PROJECT), str(PROJECT_DIR)])
    return inherited | {"HOST_DIR": str(folder), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | variables


def host_python(folder: Path, *arguments: str, **variables: str) -> str:
    """Run Python in the project to its end. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=HOST_PROJECT,
        env=host_environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        umask=0o022,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# The commands that the project's documents name, in one process: each of them would take a second to start.
SET_UP = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "host.settings"
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("add_demo_voice")
call_command("createsuperuser", interactive=False, email=os.environ["EMAIL"])
call_command("create_key", "host", may_manage_voices=True)
"""


def _set_up(folder: Path) -> None:
    """`data`: a data folder of the project with the embedded voice and an administrator. `key`: a key."""
    data = folder / "data"
    data.mkdir()
    made = host_python(data, "-c", SET_UP, EMAIL=EMAIL, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    (folder / "key").write_text(next(word for word in made.split() if word.startswith("sk_")))


@dataclass
class HostServer(LiveServer):
    """`program`: uvicorn or daphne, started by its own command line as the project's documents say."""

    settings_file: Path = field(default=Path(), init=False)
    folder: Path = field(kw_only=True)
    program: str = field(kw_only=True)
    key: str = field(default="", init=False)
    variables: dict[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.is_tls = False
        self.log_path = self.folder / "server.log"

    def __enter__(self) -> Self:
        prepared = made_once("host-as-set-up", _set_up)
        self.key = (prepared / "key").read_text()
        shutil.copytree(prepared / "data", self.folder, dirs_exist_ok=True)
        port_option = "--port" if self.program == "uvicorn" else "-p"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.program, "host.asgi:application", port_option, str(self.port)],
                cwd=HOST_PROJECT,
                env=host_environment(self.folder, HOST_SOCKETS="1", **self.variables),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.wait_until(self.speaks)
        except BaseException:
            self.__exit__()
            raise
        return self

    def speaks(self) -> bool:
        request = urllib.request.Request(  # noqa: S310
            f"{self.base_url}/speech/v1/text-to-speech/demo",
            json.dumps({"text": "Hello."}).encode(),
            {"xi-api-key": self.key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return bool(answer.read())
        except OSError:
            return False

    def url(self, voice_id: str = "demo", query: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}/speech/v1/text-to-speech/{voice_id}/stream-input{query}"

    def connect(self, voice_id: str = "demo", query: str = "", **options: Any) -> Any:
        return super().connect(voice_id, query, **options)
