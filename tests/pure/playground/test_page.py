"""What the server has to say to the page, in this project and in any other."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from streaming.audio.formats import FORMATS
from streaming.http.page_policy import HEADER
from streaming.playground.views import playground, playground_patterns
from streaming.playground.words import words
from xtts_site.config import PROJECT_DIR

SCRIPTS = PROJECT_DIR / "streaming" / "static" / "streaming" / "playground"
TEMPLATES = PROJECT_DIR / "streaming" / "templates" / "streaming" / "playground"


@pytest.fixture
def page(client: Client) -> str:
    response = client.get("/", headers={"host": "localhost"})
    assert response.status_code == 200
    return response.content.decode()


def told(page: str) -> dict[str, Any]:
    [found] = re.findall(r'<script id="page" type="application/json">(.*?)</script>', page)
    return dict(json.loads(found))


def directives(policy: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition(" ") for part in policy.split("; "))}


def test_it_is_at_the_bare_address_and_needs_neither_a_login_nor_a_database(page: str) -> None:
    assert told(page)["base"] == "/"


def test_it_leads_to_the_other_pages(page: str) -> None:
    assert 'href="/docs"' in page
    assert 'href="/admin/"' in page


def test_it_names_every_format_of_sockets_once(page: str) -> None:
    names = [output["name"] for output in told(page)["formats"]]
    assert sorted(names) == sorted(set(FORMATS) - {"mp3_44100"})
    assert told(page)["defaultFormat"] in names


@pytest.mark.parametrize("is_required", [True, False])
def test_it_knows_whether_keys_are_required(settings: Settings, client: Client, is_required: bool) -> None:
    settings.XTTS = {**settings.XTTS, "access": {"require_keys": is_required}}
    content = client.get("/", headers={"host": "localhost"}).content.decode()
    assert told(content)["requireKeys"] is is_required


def test_its_policy_allows_its_own_sockets_and_nothing_else(client: Client) -> None:
    allowed = directives(client.get("/", headers={"host": "localhost:60215"})[HEADER])
    assert allowed["connect-src"] == "'self' ws://localhost:60215 wss://localhost:60215"
    assert allowed["script-src"] == allowed["style-src"] == "'self'"
    assert allowed["default-src"] == "'none'"


def test_its_scripts_may_come_from_where_a_project_has_its_static_files(settings: Settings) -> None:
    settings.STATIC_URL = "https://cdn.example/"
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    response = playground(RequestFactory().get("/", headers={"host": "localhost"}))
    assert directives(response[HEADER])["script-src"] == "'self' https://cdn.example"


def test_it_has_no_script_and_no_style_in_itself(page: str) -> None:
    assert re.findall(r"<script(?![^>]*\b(?:src|type=\"application/json\"))", page) == []
    assert "<style" not in page
    assert " style=" not in page
    assert re.findall(r"\son\w+=", page) == []


def test_a_setting_turns_it_off(settings: Settings) -> None:
    assert len(playground_patterns()) == 1
    settings.XTTS = {**settings.XTTS, "playground": {"enabled": False}}
    assert playground_patterns() == []


def test_nobody_keeps_it_for_another(client: Client) -> None:
    response = client.get("/", headers={"host": "localhost"})
    assert {"private", "no-cache"} <= set(response["Cache-Control"].split(", "))
    assert "Cookie" in response["Vary"]


def test_it_is_only_read(client: Client) -> None:
    assert client.post("/", headers={"host": "localhost"}).status_code == 405


def sources(pattern: str) -> list[Path]:
    found = sorted(SCRIPTS.glob(pattern))
    assert found
    return found


def test_its_scripts_have_every_sentence_that_they_say_and_say_every_one() -> None:
    text = "".join(path.read_text() for path in sources("*.js"))
    families = {"pcm", "mp3", "opus", "telephony"}
    named = set(re.findall(r'words\(\s*"(\w+)"', text)) | families | {"sideA", "sideB"}
    named |= {name for pair in re.findall(r'words\([^"()]*\? "(\w+)" : "(\w+)"', text) for name in pair}
    assert named == set(words())


@pytest.mark.parametrize("path", sources("*.js"), ids=lambda path: path.name)
def test_its_scripts_take_nothing_from_elsewhere_and_make_no_code(path: Path) -> None:
    text = path.read_text()
    assert all(
        source.startswith(("./", "node:"))
        for source in re.findall(r'^import .* from "([^"]+)"', text, flags=re.MULTILINE)
    )
    assert re.findall(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text) == []


@pytest.mark.parametrize("path", [*sources("*.js"), *sources("*.css")], ids=lambda path: path.name)
def test_its_files_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_its_labels_belong_to_fields_that_exist(page: str) -> None:
    ids = set(re.findall(r'\sid="([\w-]+)"', page))
    named = {
        name
        for value in re.findall(r'\s(?:for|aria-(?:controls|labelledby|describedby))="([^"]+)"', page)
        for name in value.split()
    }
    assert named - ids == set()
    assert len(re.findall(r'\sid="([\w-]+)"', page)) == len(ids)


def test_every_text_of_its_templates_can_be_translated() -> None:
    for path in sorted(TEMPLATES.glob("*.html")):
        text = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", " ", path.read_text())
        words_left = set(re.findall(r"[A-Za-z]{2,}", text)) - {"TTFA", "RTF", "curl", "Python", "JavaScript"}
        assert words_left == set(), path.name
