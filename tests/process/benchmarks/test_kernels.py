import json
import subprocess
import sys
from pathlib import Path

from xtts_site.config import PROJECT_DIR


def test_the_filters_are_timed_against_each_other(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    options = ("--size", "small", "--threads", "1", "--repeats", "1", "--only", "filter", "--json", str(path))
    command = [sys.executable, "benchmarks/kernels.py", *options]
    subprocess.run(command, cwd=PROJECT_DIR, check=True, capture_output=True)
    result = json.loads(path.read_text())
    assert list(result["milliseconds"]) == ["filter of 3 taps", "filter of 7 taps", "filter of 11 taps"]
    assert all(ms > 0 for times in result["milliseconds"].values() for ms in times.values())
    assert result["machine"]["cpu"]
