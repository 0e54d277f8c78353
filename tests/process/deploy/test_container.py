"""The container file. Nothing here builds it, for want of a container engine: its parts are tried one by one."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import LiveServer, command_environment, write_settings
from tests.process.deploy.container import (
    DOCKERFILE,
    copies,
    copy_as_the_build_does,
    is_ignored,
    named,
    stages,
    variables,
)
from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, load_config


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The working directory of the image."""
    folder = tmp_path / "image"
    copy_as_the_build_does(folder)
    return folder


def test_the_linter_has_no_complaint() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_stages_have_the_python_that_is_supported() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    version = project["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    bases = [stage[0].words()[0] for stage in stages()]
    assert bases == [f"python:{version}-slim-bookworm"] * 2


def test_every_file_that_is_copied_is_there_and_not_ignored() -> None:
    sources = [source for stage in stages() for found, _ in copies(stage) for source in found]
    assert len(sources) > 4
    for source in sources:
        found = list(PROJECT_DIR.glob(source))
        assert found, source
        assert [path for path in found if is_ignored(path.relative_to(PROJECT_DIR).as_posix())] == []


def test_either_set_of_packages_is_a_file_that_the_build_has() -> None:
    [argument] = named("ARG", stages()[0])
    copied = {path.name for source in copies(stages()[0])[0][0] for path in PROJECT_DIR.glob(source)}
    assert argument.rest.removeprefix("REQUIREMENTS=") in copied
    assert "--build-arg REQUIREMENTS=requirements.txt" in DOCKERFILE.read_text()
    assert "requirements.txt" in copied


@pytest.mark.parametrize(
    "path",
    ["config.yaml", "var/db.sqlite3", "var/secret_key", ".git/config", ".venv/bin/python", "deploy/.env", "key.pem"],
)
def test_no_secret_and_no_data_reach_the_build(path: str) -> None:
    assert is_ignored(path)


def test_the_image_has_settings_that_the_server_knows(tmp_path: Path) -> None:
    set_up = variables(stages()[-1])
    (tmp_path / "config.yaml").touch()
    config = load_config(set_up | {SETTINGS_FILE_VARIABLE: str(tmp_path / "config.yaml")})
    assert [volume.rest for volume in named("VOLUME", stages()[-1])] == [str(config.service.data_dir)]
    assert [port.rest for port in named("EXPOSE", stages()[-1])] == [str(config.service.port)]


def test_nobody_is_root_in_the_image() -> None:
    [user] = named("USER", stages()[-1])
    assert f"--uid {user.rest}" in DOCKERFILE.read_text()


def test_the_files_of_the_image_are_a_server(image: Path, tmp_path: Path) -> None:
    """Set up and started by the image's own commands, found healthy by its own check, heard."""
    settings = write_settings(tmp_path)
    environment = command_environment(settings) | {"PYTHONPATH": ""}
    [entrypoint] = named("ENTRYPOINT", stages()[-1])
    [start] = named("CMD", stages()[-1])
    [check] = named("HEALTHCHECK", stages()[-1])
    program, *arguments = entrypoint.command()
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments, "setup"], cwd=image, env=environment, capture_output=True, text=True, check=False
    )
    assert "with the password" in done.stdout, done.stderr
    server = LiveServer(settings, (*arguments, *start.command()))
    server.directory = image
    with server:
        healthy = [word.replace("60215", str(server.port)) for word in check.command()]
        assert healthy[0] == "python"
        assert subprocess.run([sys.executable, *healthy[1:]], env=os.environ, check=False).returncode == 0
        spoken = httpx.post(f"{server.base_url}/v1/text-to-speech/demo", json={"text": "Hello there."}, timeout=60)
    assert spoken.status_code == 200
    assert len(spoken.content) > 5_000
