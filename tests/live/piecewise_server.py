"""`manage.py serve` with the engine of the tests whose pieces can be heard: `python -m tests.live.piecewise_server`."""

from benchmarks.tone_engine import serve_with
from tests.process.engine.piecewise_engine import piecewise_spec

if __name__ == "__main__":
    serve_with(piecewise_spec())
