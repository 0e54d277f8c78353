"""The command as an operator runs it, with a hub on loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.live_server import command_environment, free_port, run_python, write_settings
from streaming.engine.checkpoint.files import find_checkpoint
from tests.process.engine.stand_in import write_stand_in, write_weights
from tests.process.management.hub import Hub
from xtts_site.config import PROJECT_DIR, load_config

FILES = ["LICENSE.txt", "config.json", "hash.md5", "model.pth", "speakers_xtts.pth", "vocab.json"]
BASE = "/coqui/XTTS-v2/resolve/main/"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    write_stand_in(folder)
    write_weights(folder / "speakers_xtts.pth")
    (folder / "hash.md5").write_text("0123456789")
    (folder / "LICENSE.txt").write_text("Coqui Public Model License")
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    contents = {f"{BASE}{name}": (published / name).read_bytes() for name in FILES}
    large = {path: content for path, content in contents.items() if path.endswith(".pth")}
    with Hub(large=large, small={path: contents[path] for path in contents.keys() - large.keys()}) as running:
        yield running


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


def fetch_xtts(settings_file: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(settings_file, "manage.py", "fetch_xtts", *arguments, **environment)


def on_a_terminal(settings_file: Path, hub: Hub, *arguments: str, answer: str) -> tuple[int, str]:
    """Run it with a terminal, on which somebody types; its exit status, and what was to be read there."""
    ours, theirs = os.openpty()
    command = [sys.executable, "manage.py", "fetch_xtts", "--hub", hub.url, *arguments]
    environment = command_environment(settings_file)
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, answer.encode())
    read = bytearray()
    try:
        while part := os.read(ours, 4096):
            read += part
    except OSError:  # the other side has been closed
        pass
    finally:
        os.close(ours)
    return process.wait(60), read.decode()


def test_it_fetches_a_model_that_can_be_used(settings_file: Path, hub: Hub, published: Path, tmp_path: Path) -> None:
    result = fetch_xtts(settings_file, str(tmp_path / "model"), "--hub", hub.url, "--accept-licence")
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(tmp_path / "model")) == FILES
    assert all((tmp_path / "model" / name).read_bytes() == (published / name).read_bytes() for name in FILES)
    assert find_checkpoint(None, tmp_path / "model", None).speakers


def test_what_it_prints_at_the_end_are_settings(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    result = fetch_xtts(settings_file, "--accept-licence", HF_ENDPOINT=f"{hub.url}/")
    _, _, lines = result.stdout.partition("In config.yaml:\n")
    settings_file.write_text(lines)
    config = load_config({"XTTS_SETTINGS_FILE": str(settings_file)})
    assert config.model.checkpoint_path == tmp_path / "var" / "xtts"
    assert config.model.uses_xtts


def test_a_second_run_fetches_nothing(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    arguments = (str(tmp_path / "model"), "--hub", hub.url, "--accept-licence")
    assert "model.pth: downloaded" in fetch_xtts(settings_file, *arguments).stdout
    again = fetch_xtts(settings_file, *arguments)
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if ": " in line][:6] == [
        f"{name}: already complete"
        for name in ("config.json", "vocab.json", "model.pth", "speakers_xtts.pth", "hash.md5", "LICENSE.txt")
    ]


def test_another_revision_can_be_asked_for(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    result = fetch_xtts(settings_file, str(tmp_path), "--hub", hub.url, "--accept-licence", "--revision", "v/2")
    assert result.returncode == 1
    assert hub.requests == [("/coqui/XTTS-v2/resolve/v%2F2/config.json", None)]
    assert result.stderr == f"CommandError: {hub.url}/coqui/XTTS-v2/resolve/v%2F2/config.json does not exist (404).\n"


def test_without_a_terminal_the_licence_has_to_be_accepted_by_an_option(
    settings_file: Path, hub: Hub, tmp_path: Path
) -> None:
    result = fetch_xtts(settings_file, str(tmp_path / "model"), "--hub", hub.url)
    assert result.returncode == 1
    assert "Coqui Public Model License" in result.stdout
    assert f"{hub.url}/coqui/XTTS-v2/blob/main/LICENSE.txt" in result.stdout
    assert "--accept-licence" in result.stderr
    assert hub.requests == []


def test_on_a_terminal_it_asks_and_shows_a_bar(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    status, read = on_a_terminal(settings_file, hub, str(tmp_path / "model"), answer="yes\n")
    assert status == 0, read
    assert read.index("non-commercial purposes only") < read.index("Do you accept it?") < read.index("model.pth: 100%")
    assert sorted(os.listdir(tmp_path / "model")) == FILES


@pytest.mark.parametrize("answer", ["no\n", "\n", "\x04"])
def test_who_does_not_accept_gets_nothing(settings_file: Path, hub: Hub, tmp_path: Path, answer: str) -> None:
    status, read = on_a_terminal(settings_file, hub, str(tmp_path / "model"), answer=answer)
    assert status == 1
    assert "Nothing was downloaded." in read
    assert hub.requests == []


def test_what_is_only_welcome_may_be_missing(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    del hub.small[f"{BASE}hash.md5"], hub.large[f"{BASE}speakers_xtts.pth"]
    result = fetch_xtts(settings_file, str(tmp_path / "model"), "--hub", hub.url, "--accept-licence")
    assert result.returncode == 0, result.stderr
    assert "speakers_xtts.pth: not on this hub, skipped" in result.stdout


def test_a_model_of_another_kind_is_said(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    hub.small[f"{BASE}config.json"] = b'{"model": "vits"}'
    result = fetch_xtts(settings_file, str(tmp_path / "model"), "--hub", hub.url, "--accept-licence")
    assert result.returncode == 1
    assert result.stderr.endswith('is not the config.json of an XTTS model: its `model` is not "xtts".\n')


def test_a_hub_that_is_not_there_is_one_sentence(settings_file: Path, tmp_path: Path) -> None:
    hub = f"http://127.0.0.1:{free_port()}"
    result = fetch_xtts(settings_file, str(tmp_path / "model"), "--hub", hub, "--accept-licence")
    assert result.returncode == 1
    assert result.stderr.startswith(
        f"CommandError: {hub}/coqui/XTTS-v2/resolve/main/config.json cannot be downloaded: "
    )
    assert result.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(settings_file: Path, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = fetch_xtts(settings_file, str(tmp_path / "file" / "model"), "--hub", hub.url, "--accept-licence")
    assert result.stderr == f"CommandError: {tmp_path}/file/model cannot be created: Not a directory.\n"


def test_what_has_come_before_it_was_stopped_is_kept(
    settings_file: Path, hub: Hub, published: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pth.part").write_bytes((published / "model.pth").read_bytes()[:50])
    arguments = (str(folder), "--hub", hub.url, "--accept-licence")
    content = hub.large.pop(f"{BASE}model.pth")
    stopped = fetch_xtts(settings_file, *arguments)
    assert stopped.stderr.endswith("The downloaded part is kept; run the same command again to continue.\n")
    hub.large[f"{BASE}model.pth"] = content
    assert fetch_xtts(settings_file, *arguments).returncode == 0
    assert (f"/store{BASE}model.pth", "bytes=50-") in hub.requests
