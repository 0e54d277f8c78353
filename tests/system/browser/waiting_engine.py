"""`manage.py serve` with an engine that is loading until a file is there: `python -m` with this module, and the file."""

import sys
import time
from pathlib import Path

from benchmarks.tone_engine import serve_with
from streaming.dispatch.engine_process import EngineSpec
from streaming.engine.demo.demo_engine import DemoEngine

MODULE = "tests.system.browser.waiting_engine"


def load(file: str) -> DemoEngine:
    while not Path(file).exists():
        time.sleep(0.05)
    return DemoEngine(threads=2)


if __name__ == "__main__":
    serve_with(EngineSpec(f"{MODULE}:load", {"file": sys.argv[1]}))
