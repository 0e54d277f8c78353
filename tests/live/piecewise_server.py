"""`manage.py serve` with the engine of the tests whose pieces can be heard: `python -m tests.live.piecewise_server`."""

import os
from typing import Any

from django.core.management import execute_from_command_line

from streaming.dispatch import executor
from tests.process.engine.piecewise_engine import piecewise_spec


class PiecewiseExecutor(executor.Executor):
    """Whatever engine the settings choose."""

    def __init__(self, *_: Any, **limits: Any) -> None:
        super().__init__(piecewise_spec(), **limits)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    executor.Executor = PiecewiseExecutor  # type: ignore[misc] # before anything of the server imports it
    execute_from_command_line(["manage.py", "serve"])
