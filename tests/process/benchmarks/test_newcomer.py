import subprocess
import sys

from benchmarks.newcomer import COMES, MEASURES
from xtts_site.config import PROJECT_DIR


def test_a_commit_is_measured_against_itself() -> None:
    command = [sys.executable, "benchmarks/newcomer.py", "--before", ".", "--size", "tiny", "--turns", "1"]
    done = subprocess.run(command, cwd=PROJECT_DIR, check=True, capture_output=True, text=True)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [tuple(row[:2]) for row in rows[2:]] == [(when, measure) for when in COMES for measure in MEASURES]
    assert all(text.endswith(" ms") for row in rows[2:] for text in row[2:])
