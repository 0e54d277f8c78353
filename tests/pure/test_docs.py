"""What the documents promise is what the code has."""

import math
import re
from pathlib import Path

import pytest
import yaml

from streaming import errors
from streaming.access import refusals
from streaming.audio.formats import FORMATS, OutputFormat
from streaming.protocol.parameters import ALIASES, PARSERS
from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, load_config, setting_keys

README = (PROJECT_DIR / "README.md").read_text()
EXAMPLE = (PROJECT_DIR / "config.example.yaml").read_text()
ERROR_CODES = [value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)]
FAULTS = [value for value in vars(errors).values() if isinstance(value, errors.Fault)]


def section(title: str) -> str:
    """A part of the README, up to the next heading of its level or above."""
    level, _, _ = title.partition(" ")
    _, _, rest = README.partition(f"\n{title}\n")
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


@pytest.mark.parametrize("name", [*PARSERS, *ALIASES])
def test_every_parameter_is_documented(name: str) -> None:
    assert f"`{name}`" in section("### Parameters")


def test_no_parameter_is_documented_that_does_not_exist() -> None:
    rows = [line.split("|")[1] for line in section("### Parameters").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(PARSERS)


@pytest.mark.parametrize("output", FORMATS.values(), ids=lambda output: output.name)
def test_every_format_is_documented_with_the_delay_that_it_adds(output: OutputFormat) -> None:
    encoder = output.new_encoder()
    # From a sound until it can be heard: the longest that any place in a frame has to wait.
    most = max(encoder.tail(place) for place in range(1, 4000)) / output.sample_rate
    [row] = [line for line in section("### Formats").splitlines() if f"`{output.name}`" in line]
    assert row.endswith(f"| {math.ceil(1000 * most)} ms |")


@pytest.mark.parametrize("code", [*ERROR_CODES, *(fault.code for fault in FAULTS)])
def test_every_error_is_documented(code: str) -> None:
    assert f"`{code}`" in section("### Messages from the server")


@pytest.mark.parametrize("code", [value for name, value in vars(refusals).items() if name.isupper()])
def test_every_refusal_is_documented(code: str) -> None:
    assert f"`{code}`" in section("## Keys")
    assert f"`{code}`" in section("### Messages from the server")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_every_fault_is_documented_with_its_close_code(fault: errors.Fault) -> None:
    [row] = [line for line in section("### Messages from the server").splitlines() if f"`{fault.code}`" in line]
    assert row.startswith(f"| {fault.close_code} |")


def test_the_settings_in_the_readme_are_the_settings() -> None:
    rows = [line.split("|")[1] for line in section("## Settings").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)}
    assert named == set(setting_keys())


def test_the_example_has_every_setting() -> None:
    uncommented = re.sub(r"^( *)# (\w+:( |$))", r"\1\2", EXAMPLE, flags=re.MULTILINE)
    values = yaml.safe_load(uncommented)
    named = {f"{name}.{key}" for name, part in values.items() if isinstance(part, dict) for key in part}
    assert named | {name for name, part in values.items() if not isinstance(part, dict)} == set(setting_keys())


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "example.yaml").write_text(EXAMPLE)
    default = load_config({SETTINGS_FILE_VARIABLE: str(tmp_path / "config.yaml")})
    assert load_config({SETTINGS_FILE_VARIABLE: str(tmp_path / "example.yaml")}) == default


def test_the_readme_gives_the_two_commands() -> None:
    makefile = (PROJECT_DIR / "Makefile").read_text()
    for command in ("run", "test"):
        assert f"make {command}" in section("## Two commands")
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE)
