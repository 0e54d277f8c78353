"""`manage.py check --deploy`, as an operator runs it."""

from pathlib import Path

import yaml

from benchmarks.live_server import manage
from xtts_site.config import PROJECT_DIR

DOCUMENTED = PROJECT_DIR / "deploy" / "config.yaml"


def settings_like(text: str, folder: Path) -> Path:
    """The same settings with a data folder of the test's own."""
    settings = yaml.safe_load(text) or {}
    settings.setdefault("service", {})["data_dir"] = str(folder / "var")
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_the_documented_settings_are_clean(tmp_path: Path) -> None:
    done = manage(settings_like(DOCUMENTED.read_text(), tmp_path), "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (2 silenced).\n"), done.stderr


def test_other_settings_are_named_with_what_to_do(tmp_path: Path) -> None:
    done = manage(settings_like("", tmp_path), "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 1
    assert "(xtts.W001) There is no TLS" in done.stderr
    assert "HINT: Set access.require_keys: true" in done.stderr
    assert "SECURE_" not in done.stderr
