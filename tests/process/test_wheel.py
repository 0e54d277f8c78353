"""What `pip install .` installs: all of the apps, and nothing beside them."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from xtts_site.config import PROJECT_DIR

APPS = ("streaming", "voices", "xtts_site")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools leaves folders behind where it builds.
    source = folder / "source"
    source.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_DIR,
        capture_output=True,
        check=True,
    )
    subprocess.run(
        ["tar", "-cf", "source.tar", "-C", PROJECT_DIR, "-T", "-"], cwd=folder, input=tracked.stdout, check=True
    )
    subprocess.run(["tar", "-xf", "../source.tar"], cwd=source, check=True)
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = folder.glob("xtts_stream_server-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def files_in(folder: Path, root: Path) -> set[str]:
    """By their paths below `root`, but for byte code."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix() for path in files}


def test_it_has_every_file_of_the_apps(installed: Path) -> None:
    ours = {name for app in APPS for name in files_in(PROJECT_DIR / app, PROJECT_DIR)}
    assert len(ours) > 100
    theirs = files_in(installed, installed)
    assert ours - theirs == set()
    assert {name for name in theirs - ours if ".dist-info/" not in name} == set()


def test_it_brings_the_command(installed: Path) -> None:
    [entry_points] = installed.glob("*.dist-info/entry_points.txt")
    assert "xtts-stream-server = xtts_site.command:main" in entry_points.read_text()


def test_its_extras_are_the_requirements_of_this_project(installed: Path) -> None:
    [metadata] = installed.glob("*.dist-info/METADATA")
    text = metadata.read_text()
    extras = [line.split()[1] for line in text.splitlines() if line.startswith("Provides-Extra: ")]
    assert sorted(extras) == ["bench", "demo", "postgres", "s3", "xtts"]
    pinned = (PROJECT_DIR / "requirements-xtts.txt").read_text().splitlines()
    for line in pinned:
        requirement = line.partition("#")[0].strip()
        assert not requirement or f'Requires-Dist: {requirement}; extra == "xtts"' in text, requirement


def test_the_installed_command_sets_up_and_keeps_its_data_at_home(installed: Path, tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['xtts-stream-server', 'setup']; from xtts_site.command import main; main()"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(installed), "XDG_DATA_HOME": str(tmp_path / "share")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "with the password" in done.stdout
    assert (tmp_path / "share" / "xtts-stream-server" / "var" / "db.sqlite3").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["share"]
