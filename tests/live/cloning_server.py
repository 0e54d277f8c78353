"""`manage.py serve` with the cloning engine of the tests: `python -m tests.live.cloning_server FOLDER FINGERPRINT`."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management import execute_from_command_line

from streaming.dispatch import executor
from tests.process.engine.cloning_engine import cloning_spec


class CloningExecutor(executor.Executor):
    """Whatever engine the settings choose."""

    def __init__(self, *_: Any, **limits: Any) -> None:
        folder, fingerprint = sys.argv[1:]
        super().__init__(cloning_spec(Path(folder), fingerprint), **limits)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    executor.Executor = CloningExecutor  # type: ignore[misc] # before anything of the server imports it
    execute_from_command_line(["manage.py", "serve"])
