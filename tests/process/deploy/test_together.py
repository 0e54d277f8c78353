"""The files of deploy/ fit each other, the documents and the settings."""

import re
from pathlib import Path

import pytest

from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, Config, load_config, setting_keys

DEPLOY = PROJECT_DIR / "deploy"
UNIT = (DEPLOY / "systemd" / "xtts@.service").read_text()
SOCKET = (DEPLOY / "systemd" / "xtts.socket").read_text()
SITE = (DEPLOY / "nginx" / "xtts.conf").read_text()
DOCUMENTS = [PROJECT_DIR / "docs" / name for name in ("deployment.md", "backup.md")]


@pytest.fixture
def config() -> Config:
    return load_config({SETTINGS_FILE_VARIABLE: str(DEPLOY / "config.yaml")})


def value(text: str, name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_that_an_operator_copies_is_there(document: Path) -> None:
    named = set(re.findall(r"/opt/xtts/([\w./@-]*\w)", document.read_text()))
    assert named
    missing = {path for path in named if not path.startswith(".venv") and not (PROJECT_DIR / path).exists()}
    assert missing == set()


def test_every_target_that_an_operator_makes_is_there() -> None:
    targets = set(re.findall(r"make -C \S+ (\S+)$", "".join(path.read_text() for path in DOCUMENTS), re.MULTILINE))
    assert targets == {".venv/.server"}
    assert re.search(r"^\$\(VENV\)/\.server:", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE)


def test_systemd_listens_where_nginx_looks_and_where_the_server_would(config: Config) -> None:
    [server] = re.findall(r"^    server (\S+) ", SITE, re.MULTILINE)
    assert value(SOCKET, "ListenStream") == server == f"{config.service.host}:{config.service.port}"


def test_the_unit_reads_the_settings_that_are_documented_and_writes_where_they_say(config: Config) -> None:
    assert "Environment=XTTS_SETTINGS_FILE=/etc/xtts/config.yaml\n" in UNIT
    assert f"/var/lib/{value(UNIT, 'StateDirectory')}" == str(config.service.data_dir)


def test_systemd_waits_longer_than_the_server(config: Config) -> None:
    assert int(value(UNIT, "TimeoutStopSec")) > config.service.drain_seconds


def test_nginx_lets_through_what_the_server_takes(config: Config) -> None:
    assert f"client_max_body_size {config.service.max_upload_megabytes:g}m;" in SITE
    [kilobytes] = re.findall(r"large_client_header_buffers \d+ (\d+)k;", SITE)
    assert int(kilobytes) * 1024 > max(config.limits.max_query_bytes, config.limits.max_header_bytes)


def test_the_settings_that_the_files_mention_exist() -> None:
    known = set(setting_keys())
    for path in (*DEPLOY.rglob("*.*"), DEPLOY / "Dockerfile"):
        named = re.findall(r"\b(?:service|limits|access|model)\.[a-z_]+\b", path.read_text())
        # Files have names with a full stop in them, too.
        assert {name for name in named if not name.endswith((".pth", ".md"))} <= known, path
