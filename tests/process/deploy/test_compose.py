"""The compose file: what it sets is what the server, PostgreSQL and Redis know."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.node_modules import NotInstalled, node_modules
from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, Config, load_config
from xtts_site.deploy_checks import findings

COMPOSE = PROJECT_DIR / "deploy" / "compose.yaml"
# What an operator writes into .env.
ANSWERS = {"SPEECH_HOST": "speech.example.com", "POSTGRES_PASSWORD": "5f2d"}
# Of the Compose specification, what is used here.
KEYS = {
    *("image", "build", "command", "environment", "volumes", "ports", "depends_on", "healthcheck", "init", "restart"),
    "stop_grace_period",
}


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(read()["services"])


def read(answers: dict[str, str] = ANSWERS) -> Any:
    """The file as Compose reads it: variables are replaced in its values."""

    def replaced(found: re.Match[str]) -> str:
        assert found[1] in answers, f"{found[1]} {found[2]}"
        return answers[found[1]]

    text = re.sub(r"^\s*#.*\n", "", COMPOSE.read_text(), flags=re.MULTILINE)
    return yaml.safe_load(re.sub(r"\$\{(\w+):\?([^}]*)\}", replaced, text))


def config_of(services: dict[str, Any], name: str, folder: Path) -> Config:
    (folder / "config.yaml").touch()
    return load_config(services[name]["environment"] | {SETTINGS_FILE_VARIABLE: str(folder / "config.yaml")})


def test_without_the_secrets_nothing_starts() -> None:
    with pytest.raises(AssertionError, match=r"POSTGRES_PASSWORD is not set in \.env"):
        read({"SPEECH_HOST": "speech.example.com"})


def schema_errors(path: Path) -> list[str]:
    """What Compose's own schema has against a file, by a linter that knows it."""
    try:
        packages = node_modules(Path(__file__).with_name("js"))
    except NotInstalled as error:
        pytest.skip(str(error))
    command = [str(packages / ".bin" / "dclint"), "--formatter", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    [file] = json.loads(done.stdout)
    return [message["message"] for message in file["messages"] if message["rule"] == "invalid-schema"]


def test_the_file_is_valid_by_compose_s_own_schema(tmp_path: Path) -> None:
    assert schema_errors(COMPOSE) == []
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("init: true", "innit: true"))
    assert len(schema_errors(wrong)) == 1


def test_every_key_is_compose_s(services: dict[str, Any]) -> None:
    assert {key for service in services.values() for key in service} <= KEYS
    assert set(read()) == {"name", "x-settings", "services", "volumes"}


def test_the_server_and_its_set_up_have_the_same_settings(services: dict[str, Any], tmp_path: Path) -> None:
    assert config_of(services, "server", tmp_path) == config_of(services, "setup", tmp_path)
    assert services["server"]["image"] == services["setup"]["image"]


def test_nothing_is_wrong_with_the_settings(services: dict[str, Any], tmp_path: Path) -> None:
    config = config_of(services, "server", tmp_path)
    assert list(findings(config)) == []
    assert config.service.allowed_hosts == ("speech.example.com",)


def test_the_settings_lead_to_the_other_services(services: dict[str, Any], tmp_path: Path) -> None:
    config = config_of(services, "server", tmp_path)
    made = services["postgres"]["environment"]
    user, password = made["POSTGRES_USER"], made["POSTGRES_PASSWORD"]
    assert config.database_url == f"postgres://{user}:{password}@postgres:5432/{user}"
    assert config.redis_url == "redis://redis:6379/0"


def test_a_stop_waits_for_what_has_begun(services: dict[str, Any], tmp_path: Path) -> None:
    config = config_of(services, "server", tmp_path)
    assert int(services["server"]["stop_grace_period"].removesuffix("s")) > config.service.drain_seconds


def test_only_the_proxy_on_the_machine_reaches_the_port(services: dict[str, Any], tmp_path: Path) -> None:
    port = config_of(services, "server", tmp_path).service.port
    assert services["server"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert [name for name, service in services.items() if "ports" in service] == ["server"]


def test_what_is_waited_for_can_come(services: dict[str, Any]) -> None:
    """A service that has to be healthy has a check; one that has to be complete ends."""
    waits = [(name, wait) for service in services.values() for name, wait in service.get("depends_on", {}).items()]
    assert len(waits) == 3
    for name, wait in waits:
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in services[name]
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert "restart" not in services[name]


def test_every_volume_is_declared(services: dict[str, Any]) -> None:
    used = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == set(read()["volumes"])


def test_the_build_is_that_of_the_container_file(services: dict[str, Any]) -> None:
    build = services["server"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == COMPOSE.parent / "Dockerfile"


def test_what_is_commented_out_for_a_gpu_is_yaml_and_settings_too(tmp_path: Path) -> None:
    """With the marks removed."""
    text = re.sub(r"^( +)# (?=- |args|XTTS_|gpus)", r"\1", COMPOSE.read_text(), flags=re.MULTILINE)
    server = yaml.safe_load(re.sub(r"\$\{\w+:\?[^}]*\}", "x", text))["services"]["server"]
    (tmp_path / "compose.yaml").write_text(text)
    assert schema_errors(tmp_path / "compose.yaml") == []
    assert server["build"]["args"]["REQUIREMENTS"] == "requirements.txt"
    assert server["gpus"] == "all"
    assert "./models:/models:ro" in server["volumes"]
    assert config_of({"server": server}, "server", tmp_path).model.checkpoint_path == Path("/models/model.pth")
