"""What importing the application does, beyond what test_serve sees of it."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.live_server import manage, run_python, write_settings


def run(settings_file: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(settings_file, "-c", code, **environment)


def test_importing_it_starts_no_process_and_no_thread(tmp_path: Path) -> None:
    code = (
        "import os, sys, threading, xtts_site.asgi\n"
        "from daphne.server import Server\n"
        "print(threading.active_count(),"
        " [child for task in os.listdir('/proc/self/task')"
        " for child in open(f'/proc/self/task/{task}/children').read().split()], Server.handle_reply.__module__)\n"
        "print('redis' in sys.modules)"
    )
    result = run(write_settings(tmp_path), code)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "1 [] daphne.server\nFalse\n", "Redis's client takes long to import"


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


@pytest.mark.parametrize("options", [[], ["8000"], ["--noreload", "0:9000"]])
def test_the_development_server_refuses_and_names_the_one_that_speaks(tmp_path: Path, options: list[str]) -> None:
    done = manage(write_settings(tmp_path), "runserver", *options)
    assert done.returncode == 1
    assert done.stderr == "CommandError: Django's development server cannot serve speech: use `manage.py serve`.\n"


def test_a_message_that_is_no_connection_starts_no_engine(tmp_path: Path) -> None:
    """Channels' workers send such."""
    code = (
        "import asyncio, os\nfrom xtts_site.asgi import application\n"
        "async def main():\n    try:\n        await application({'type': 'channel'}, None, None)\n"
        "    except ValueError: pass\n    print(application.parts.executor.engine_pids)\nasyncio.run(main())"
    )
    done = run(write_settings(tmp_path), code)
    assert done.stdout == "[None]\n", done.stderr
