"""What the documents promise is what the code has."""

import math
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from streaming import errors
from streaming.access import refusals
from streaming.audio.formats import FORMATS, OutputFormat
from streaming.http.api import api
from streaming.protocol.dialect import ELEVENLABS_ONLY, NATIVE_BY_THEMSELVES, OURS
from streaming.protocol.parameters import ALIASES, PARSERS
from xtts_site.config import PROJECT_DIR, SETTINGS_FILE_VARIABLE, load_config, setting_keys

DOCS = PROJECT_DIR / "docs"
README = PROJECT_DIR / "README.md"
RUSSIAN_README = PROJECT_DIR / "README.ru.md"
PROTOCOL = DOCS / "protocol.md"
SECURITY = PROJECT_DIR / "SECURITY.md"
DOCUMENTS = [
    *sorted(PROJECT_DIR.glob("README*.md")),
    PROJECT_DIR / "CONTRIBUTING.md",
    SECURITY,
    *sorted(DOCS.glob("*.md")),
]
EXAMPLE = (PROJECT_DIR / "config.example.yaml").read_text()
ERROR_CODES = [value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)]
FAULTS = [value for value in vars(errors).values() if isinstance(value, errors.Fault)]
README_LINES = 200

CODE_BLOCK = re.compile(r"^( *)```.*?^\1```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")


def section(document: Path, title: str) -> str:
    """A part of a document, up to the next heading of its level or above."""
    level, _, _ = title.partition(" ")
    _, found, rest = document.read_text().partition(f"\n{title}\n")
    assert found, f"{document.name} has no section {title}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def code_blocks(document: Path) -> list[str]:
    return [match[0] for match in CODE_BLOCK.finditer(document.read_text())]


def prose(document: Path) -> str:
    return CODE_BLOCK.sub("", document.read_text())


def headings(document: Path) -> list[str]:
    return re.findall(r"^#+ .+$", prose(document), flags=re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The fragments that lead somewhere in a document, made from its headings as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set(re.findall(r'<a id="([^"]+)">', prose(document)))
    for heading in headings(document):
        title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.lstrip("#").strip())
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(document: Path) -> list[str]:
    """Relative links and anchors, images among them; what stands in code is none."""
    text = re.sub(r"`[^`\n]*`", "", prose(document))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def dead_links(document: Path) -> list[str]:
    dead = []
    for link in links(document):
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("name", [*PARSERS, *ALIASES])
def test_every_parameter_is_documented(name: str) -> None:
    assert f"`{name}`" in section(PROTOCOL, "## Parameters")


@pytest.mark.parametrize("name", sorted(ELEVENLABS_ONLY | OURS | NATIVE_BY_THEMSELVES))
def test_every_name_that_tells_the_client_is_documented(name: str) -> None:
    assert f"`{name}`" in section(PROTOCOL, "### Dialects")


def test_no_parameter_is_documented_that_does_not_exist() -> None:
    rows = [line.split("|")[1] for line in section(PROTOCOL, "## Parameters").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(PARSERS)


@pytest.mark.parametrize("output", FORMATS.values(), ids=lambda output: output.name)
def test_every_format_is_documented_with_the_delay_that_it_adds(output: OutputFormat) -> None:
    encoder = output.new_encoder()
    # From a sound until it can be heard: the longest that any place in a frame has to wait.
    most = max(encoder.tail(place) for place in range(1, 4000)) / output.sample_rate
    [row] = [line for line in section(PROTOCOL, "## Formats").splitlines() if f"`{output.name}`" in line]
    assert row.endswith(f"| {math.ceil(1000 * most)} ms |")


@pytest.mark.parametrize("code", [*ERROR_CODES, *(fault.code for fault in FAULTS)])
def test_every_error_is_documented(code: str) -> None:
    assert f"`{code}`" in section(PROTOCOL, "## Messages from the server")


@pytest.mark.parametrize("code", [value for name, value in vars(refusals).items() if name.isupper()])
def test_every_refusal_is_documented(code: str) -> None:
    assert f"`{code}`" in section(DOCS / "keys.md", "## Refusals")
    assert f"`{code}`" in section(PROTOCOL, "## Messages from the server")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_every_fault_is_documented_with_its_close_code(fault: errors.Fault) -> None:
    table = section(PROTOCOL, "## Messages from the server")
    [row] = [line for line in table.splitlines() if f"`{fault.code}`" in line]
    assert row.startswith(f"| {fault.close_code} |")


def test_the_documented_settings_are_the_settings() -> None:
    table = (DOCS / "settings.md").read_text()
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
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
        assert f"make {command}" in section(README, "## Two commands")
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("document", [README, RUSSIAN_README], ids=lambda document: document.name)
def test_the_first_page_is_short(document: Path) -> None:
    assert len(document.read_text().splitlines()) <= README_LINES


def test_every_page_is_linked_from_the_readme() -> None:
    pages = {f"docs/{page.name}" for page in DOCS.glob("*.md")}
    assert pages
    for readme in (README, RUSSIAN_README):
        assert pages <= {link.partition("#")[0] for link in links(readme)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert dead_links(document) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# A `page` of its own\n[this](page.md#a-page-of-its-own) [that](#a-page) [gone](gone.md)\n"
        "```\n[code](code.md)\n```\n`[code](code.md)` [elsewhere](https://example.com/x)\n"
    )
    assert dead_links(document) == ["#a-page", "gone.md"]


def test_the_russian_readme_has_the_same_commands() -> None:
    assert code_blocks(README)
    assert code_blocks(RUSSIAN_README) == code_blocks(README)


def test_the_russian_readme_has_the_same_sections() -> None:
    levels = [[heading.partition(" ")[0] for heading in headings(page)] for page in (README, RUSSIAN_README)]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_no_document_has_a_gap_to_be_filled(document: Path) -> None:
    assert "@@" not in document.read_text()


@pytest.mark.parametrize("path", sorted(api.get_openapi_schema()["paths"]))
def test_every_operation_is_documented(path: str) -> None:
    """By what follows the last parameter of its path: the table shortens the rest."""
    assert path.rpartition("}")[2] in (DOCS / "http.md").read_text()


def test_each_promise_about_security_names_a_test_that_exists() -> None:
    rows = [line for line in section(SECURITY, "## What is promised").splitlines() if line.startswith("| V")]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"\btest_\w+\.py", row.rsplit("|", 2)[1])
        assert named, row
        assert [name for name in named if not any((PROJECT_DIR / "tests").rglob(name))] == []


def test_every_attack_stands_for_a_promise() -> None:
    attacks = {path.name for path in (PROJECT_DIR / "tests" / "attacks").glob("test_*.py")}
    assert len(attacks) > 10
    assert attacks - set(re.findall(r"\btest_\w+\.py", SECURITY.read_text())) == set()
