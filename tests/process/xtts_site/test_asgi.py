"""What importing the application does, beyond what test_serve sees of it."""

import subprocess
from pathlib import Path

from benchmarks.live_server import run_python, write_settings


def run(settings_file: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(settings_file, "-c", code, **environment)


def test_importing_it_starts_no_process_and_no_thread(tmp_path: Path) -> None:
    code = (
        "import os, threading, xtts_site.asgi\n"
        "from daphne.server import Server\n"
        "print(threading.active_count(),"
        " open(f'/proc/self/task/{os.getpid()}/children').read().split(), Server.handle_reply.__module__)"
    )
    result = run(write_settings(tmp_path), code)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "1 [] daphne.server\n"


def test_bad_settings_are_one_sentence_under_every_server(tmp_path: Path) -> None:
    result = run(write_settings(tmp_path), "import xtts_site.asgi", XTTS_SERVICE__PORT="http")
    assert result.returncode == 1
    assert result.stderr.startswith("The environment variable XTTS_SERVICE__PORT sets service.port to 'http', but ")
    assert result.stderr.count("\n") == 1


def test_a_checkpoint_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    settings_file = write_settings(tmp_path, model={"checkpoint_path": "xtts"})
    result = run(settings_file, "import xtts_site.asgi")
    assert result.returncode == 1
    assert result.stderr == f"{tmp_path}/xtts does not exist (model.checkpoint_path).\n"
