"""The units for systemd, as `systemd-analyze` reads them. systemd itself runs none of them here."""

import subprocess
from pathlib import Path

import pytest

from tests.system.programs import program
from xtts_site.config import PROJECT_DIR

UNITS = PROJECT_DIR / "deploy" / "systemd"
FOLDER = "/opt/xtts"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The folder of both units, for a server that is installed in this checkout."""
    for unit in UNITS.iterdir():
        text = unit.read_text()
        (tmp_path / unit.name).write_text(text.replace(FOLDER, str(PROJECT_DIR)))
    # The instance that the socket names.
    (tmp_path / "xtts@a.service").write_text((tmp_path / "xtts@.service").read_text())
    return tmp_path


def verify(*units: Path) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), "verify", "--man=no", *map(str, units)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_accepts_the_units(units: Path) -> None:
    done = verify(units / "xtts.socket", units / "xtts@a.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_complain_about_a_mistake(units: Path) -> None:
    service = units / "xtts@a.service"
    service.write_text(service.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "ProtectHouse" in verify(units / "xtts.socket", service).stderr


def test_systemd_would_complain_about_a_program_that_is_not_there(units: Path) -> None:
    service = units / "xtts@a.service"
    service.write_text(service.read_text().replace(str(PROJECT_DIR), "/nowhere"))
    assert "/nowhere" in verify(units / "xtts.socket", service).stderr
