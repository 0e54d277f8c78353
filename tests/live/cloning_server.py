"""`manage.py serve` with the cloning engine of the tests: `python -m tests.live.cloning_server FOLDER FINGERPRINT`."""

import sys
from pathlib import Path

from benchmarks.tone_engine import serve_with
from tests.process.engine.cloning_engine import cloning_spec

if __name__ == "__main__":
    folder, fingerprint = sys.argv[1:]
    serve_with(cloning_spec(Path(folder), fingerprint))
