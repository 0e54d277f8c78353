"""`manage.py check --deploy`, from the settings alone."""

from pathlib import Path

import pytest

from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, load_config
from xtts_site.deploy_checks import findings

DOCUMENTED = PROJECT_DIR / "deploy" / "config.yaml"
SAFE = {
    "XTTS_SERVICE__BEHIND_TLS_PROXY": "true",
    "XTTS_SERVICE__ALLOWED_HOSTS": "[speech.example.com]",
    "XTTS_ACCESS__REQUIRE_KEYS": "true",
}


@pytest.fixture
def settings_file(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.touch()
    return str(path)


def found(settings_file: str, **environment: str) -> dict[str | None, str]:
    """Text and advice of each finding."""
    config = load_config({SETTINGS_FILE_VARIABLE: settings_file} | environment)
    return {finding.id: f"{finding.msg} {finding.hint}" for finding in findings(config)}


def test_nothing_is_wrong_with_the_documented_settings() -> None:
    assert found(str(DOCUMENTED)) == {}


def test_nothing_is_wrong_with_safe_settings(settings_file: str) -> None:
    assert found(settings_file, **SAFE) == {}


def test_the_defaults_are_for_the_own_machine(settings_file: str) -> None:
    assert set(found(settings_file)) == {"xtts.W001", "xtts.W003", "xtts.W005"}


@pytest.mark.parametrize(
    ("finding", "setting", "value"),
    [
        ("xtts.W001", "service.behind_tls_proxy", "false"),
        ("xtts.W002", "service.hsts_seconds", "0"),
        ("xtts.W003", "access.require_keys", "false"),
        ("xtts.W004", "service.allowed_hosts", '["*"]'),
        ("xtts.W005", "service.allowed_hosts", "[localhost, 127.0.0.1]"),
    ],
)
def test_each_setting_that_is_not_safe_is_named(settings_file: str, finding: str, setting: str, value: str) -> None:
    variable = f"XTTS_{setting.upper().replace('.', '__')}"
    everything = found(settings_file, **SAFE | {variable: value})
    assert set(everything) == {finding}
    assert setting in everything[finding]


def test_a_certificate_of_its_own_is_tls(settings_file: str) -> None:
    own = {
        "XTTS_SERVICE__BEHIND_TLS_PROXY": "false",
        "XTTS_SERVICE__TLS_CERTIFICATE": "certificate.pem",
        "XTTS_SERVICE__TLS_KEY": "key.pem",
    }
    assert found(settings_file, **SAFE | own) == {}
