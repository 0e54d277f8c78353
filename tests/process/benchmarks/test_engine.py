import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.engine import make_checkpoint, parse
from streaming.engine.checkpoint.files import find_checkpoint
from xtts_site.config import PROJECT_DIR

SCRIPT = "benchmarks/engine.py"
SMALL = ("--tokens", "12,20,30", "--streams", "1,8", "--threads", "1", "--repeat", "1")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def results(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a small run wrote."""
    folder = tmp_path_factory.mktemp("benchmark")
    checkpoint = ("--checkpoint", str(tiny_checkpoint))
    done = run(*checkpoint, *SMALL, "--json", str(folder / "engine.json"), "--plot", str(folder / "engine.png"))
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def report(results: Path) -> dict[str, object]:
    return dict(json.loads((results / "engine.json").read_text()))


@pytest.mark.parametrize("name", ["ttfa_ratio", "wall_28s_ratio", "throughput_8_ratio", "rtf_one_stream"])
def test_it_measures_its_main_figures(report: dict[str, object], name: str) -> None:
    value = report[name]
    assert isinstance(value, float)
    assert value > 0


def test_what_is_streamed_equals_the_offline_decode(report: dict[str, object]) -> None:
    exactness = report["exactness"]
    assert isinstance(exactness, dict)
    assert exactness["ours"]["samples_lost"] == 0
    assert float(str(report["stream_offline_max_abs"])) < 1e-5


def test_both_speak_equally_long(report: dict[str, object]) -> None:
    rows = report["utterances"]
    assert isinstance(rows, list)
    spoken = {(row["tokens"], row["audio"]) for row in rows}
    assert len(rows) == 8
    assert len(spoken) == 3


def test_it_says_what_the_figures_belong_to(results: Path, report: dict[str, object], tiny_checkpoint: Path) -> None:
    assert str(report["command"]).startswith(f"{SCRIPT} --checkpoint {tiny_checkpoint} --tokens")
    assert report["checkpoint"] == str(tiny_checkpoint)
    assert isinstance(report["machine"], dict)
    assert report["machine"].keys() >= {"cpu", "cores", "torch"}
    assert f"commit {report['commit']}" in (results / "stdout").read_text()


def test_it_draws(results: Path) -> None:
    assert (results / "engine.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_checkpoint_it_makes_one(tmp_path: Path) -> None:
    made = make_checkpoint(Namespace(checkpoint=None, size="tiny"), tmp_path)
    assert made.is_relative_to(tmp_path)
    assert find_checkpoint(None, made, None).model.stat().st_size > 10**6


@pytest.mark.parametrize("tokens", ["3,2,1", "1,2", "1,2,603"])
def test_it_refuses_lengths_that_cannot_be(tokens: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--tokens", tokens])
    assert ended.value.code == 2
    assert "tokens" in capsys.readouterr().err.splitlines()[-1]
