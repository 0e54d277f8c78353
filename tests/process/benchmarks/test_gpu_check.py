"""The check for a machine with a GPU, rehearsed on this one: every part runs, and none spoils another."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.check import CORRECTNESS, Check
from benchmarks.gpu.result import Result
from xtts_site.config import PROJECT_DIR

# More than any of it takes on a machine that does other work.
PATIENT = 3600.0
FOR_A_GPU = ("kernels", "cuts", "waits", "sanitizer")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["benchmarks/gpu_check.sh", "--device", "cpu", "--size", "tiny", "--out", str(folder), *arguments]
    environment = os.environ | {"PYTHON": sys.executable, "PATIENCE": "10"}
    return subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that a rehearsal wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("check")
    done = run(folder, "--streams", "1,2", "--load-seconds", "0.5")
    assert done.returncode == 0, done.stdout + (folder / "log.txt").read_text()
    return folder, done.stdout


@pytest.fixture(scope="module")
def report(rehearsed: tuple[Path, str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((rehearsed[0] / "report.json").read_text())
    return content


def test_every_part_holds_or_says_why_it_cannot_be_run_here(report: dict[str, Any]) -> None:
    verdicts = {result["part"]: result["verdict"] for result in report["results"]}
    parts = {*CORRECTNESS, "load", "times"}
    assert verdicts == dict.fromkeys(parts, "holds") | dict.fromkeys(FOR_A_GPU, "not run")
    assert all(result["said"] for result in report["results"] if result["verdict"] == "not run")


def test_it_prints_a_table_last(rehearsed: tuple[Path, str], report: dict[str, Any]) -> None:
    lines = rehearsed[1].rstrip().splitlines()
    assert lines[0].startswith("benchmarks/gpu/check.py")
    assert f"commit {report['commit']}" in lines[0]
    table = lines[-len(report["results"]) :]
    assert [line.split("|")[1].strip() for line in table] == [result["part"] for result in report["results"]]


def test_the_load_is_in_the_report_and_drawn(rehearsed: tuple[Path, str], report: dict[str, Any]) -> None:
    assert [(row["streams"], row["arrivals"]) for row in report["load"]["rows"]] == [
        (count, arrivals) for count in (1, 2) for arrivals in ("staggered", "burst")
    ]
    assert (rehearsed[0] / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "aten::" in (rehearsed[0] / "step_of_8.txt").read_text()


def test_a_gpu_that_is_not_there_fails_every_part_and_soon(tmp_path: Path) -> None:
    check = Check("tiny", "cuda:0", tmp_path, "1", 1.0, deadline=time.monotonic() + PATIENT, part_seconds=PATIENT)
    (result,) = check._parts(["graph"])
    assert result.verdict == "fails"
    assert "model.device is cuda:0, but PyTorch finds no CUDA GPU." in result.said


def breaking(folder: Path, *, part_seconds: float) -> Check:
    deadline = time.monotonic() + PATIENT
    return Check(
        "tiny",
        "cpu",
        folder,
        "1",
        1.0,
        deadline,
        part_seconds=part_seconds,
        worker="tests.process.benchmarks.breaking_parts",
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    check = breaking(tmp_path_factory.mktemp("check"), part_seconds=PATIENT)
    results = check._parts(["holds", "fails", "raises", "dies", "loses_the_gpu", "holds_too"])
    return {result.part: result for result in results}


def test_parts_that_break_their_process_leave_the_others_alone(broken: dict[str, Result]) -> None:
    verdicts = {part: result.verdict for part, result in broken.items()}
    assert verdicts == dict.fromkeys(("fails", "raises", "dies", "loses_the_gpu"), "fails") | {
        "holds": "holds",
        "holds_too": "holds",
    }


def test_each_says_what_was_wrong(broken: dict[str, Result]) -> None:
    assert broken["fails"].said == "difference is 0.5, at most 0.001 was expected"
    assert broken["raises"].said == "RuntimeError: CUDA error: out of luck"
    assert broken["dies"].said == "exit code 3: about to die"
    assert broken["loses_the_gpu"].said == "AcceleratorError: CUDA error: an illegal memory access"
    assert broken["holds"].figures == {"width": 64}


def test_a_part_that_hangs_is_ended(tmp_path: Path) -> None:
    (result,) = breaking(tmp_path, part_seconds=2.0)._parts(["hangs"])
    assert (result.verdict, result.said) == ("fails", "it took longer than 2 s")


def test_without_time_nothing_is_begun(tmp_path: Path) -> None:
    check = Check("tiny", "cpu", tmp_path, "1", 1.0, deadline=time.monotonic())
    assert {result.verdict for result in check.run()} == {"not run"}


def test_nothing_else_is_left_in_the_folder(rehearsed: tuple[Path, str]) -> None:
    names = {path.name for path in rehearsed[0].iterdir()}
    assert names == {"report.json", "load.json", "load.png", "log.txt", "step_of_8.txt"}
