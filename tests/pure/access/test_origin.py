"""By which names the server may be called, and which web pages may call it."""

from typing import Any

import pytest
from pytest_django import Settings

from streaming import conf
from streaming.access.origin import check_where_from, host_of
from streaming.conf import with_sections
from streaming.errors import Refused

NAMED = ["localhost", "127.0.0.1", "[::1]", ".speech.example"]


def scope(*headers: tuple[str, str], server: tuple[str, int | None] | None = ("127.0.0.1", 60215)) -> dict[str, Any]:
    return {"server": server, "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers]}


def refusal(*headers: tuple[str, str], keys: bool = False, origins: tuple[str, ...] = ()) -> str | None:
    """The code, or None for what is let through."""
    sections = {"service": {"allowed_origins": origins}, "access": {"require_keys": keys}}
    config = conf.Config.model_validate(with_sections(conf.Config, sections))
    try:
        check_where_from(scope(*headers), config)
    except Refused as error:
        return error.code
    return None


@pytest.fixture(autouse=True)
def _named(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = NAMED


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:60215", "[::1]:60215", "a.speech.example", "localhost."]
)
def test_names_of_the_settings(host: str) -> None:
    assert refusal(("host", host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "10.1.2.3:60215", "localhost.evil.example", "", "localhost:x", "a@localhost", "local\xe9", "[::1"],
)
def test_other_names_and_what_is_none(host: str) -> None:
    assert refusal(("host", host)) == "host_not_allowed"


def test_two_names_are_none() -> None:
    assert refusal(("host", "localhost"), ("host", "localhost")) == "host_not_allowed"


def test_without_a_name_the_address_is_the_name() -> None:
    assert host_of(scope()) == "127.0.0.1:60215"
    assert host_of(scope(server=("10.1.2.3", 80))) is None
    assert host_of(scope(server=("/run/speech.sock", None))) is None
    assert host_of(scope(server=None)) is None


def test_a_proxy_is_believed_where_django_believes_it(settings: Settings) -> None:
    headers = (("host", "10.1.2.3"), ("x-forwarded-host", "a.speech.example"))
    assert host_of(scope(*headers)) is None
    settings.USE_X_FORWARDED_HOST = True
    assert host_of(scope(*headers)) == "a.speech.example"
    assert host_of(scope(*headers, headers[1])) is None


def test_the_refusal_names_the_host_and_the_setting() -> None:
    config = conf.Config.model_validate(with_sections(conf.Config, {}))
    with pytest.raises(Refused, match=r"'evil\.example'.*service\.allowed_hosts") as caught:
        check_where_from(scope(("host", "evil.example")), config)
    assert caught.value.status == 400
    with pytest.raises(Refused, match=r"'http://localhost:3000'.*service\.allowed_origins") as caught:
        check_where_from(scope(("host", "localhost:60215"), ("origin", "http://localhost:3000")), config)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:60215", "localhost:60215"),
        ("https://localhost:60215", "localhost:60215"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://a.speech.example", "a.speech.example"),
        ("https://a.speech.example", "a.speech.example:443"),
        ("http://[::1]:60215", "[::1]:60215"),
    ],
)
def test_pages_of_the_server_itself(origin: str, host: str) -> None:
    assert refusal(("host", host), ("origin", origin)) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:3000", "localhost:60215"),
        ("http://localhost", "localhost:60215"),
        ("http://localhost:60215", "localhost"),
        ("https://localhost", "localhost:80"),
        ("http://127.0.0.1:60215", "localhost:60215"),
        ("http://b.speech.example", "a.speech.example"),
        ("https://evil.example", "localhost:60215"),
        ("null", "localhost"),
        ("", "localhost"),
        ("localhost", "localhost"),
        ("//localhost", "localhost"),
        ("ftp://localhost", "localhost"),
        ("http://", "localhost"),
        ("http://[", "localhost"),
        ("http://localhost/", "localhost"),
        ("http://a@localhost", "localhost"),
        ("http://localhost, http://localhost", "localhost"),
        ("http://localhost:", "localhost"),
    ],
)
@pytest.mark.parametrize("keys", [False, True])
def test_other_pages(origin: str, host: str, keys: bool) -> None:
    assert refusal(("host", host), ("origin", origin), keys=keys) == "origin_not_allowed"


def test_two_origins_are_none() -> None:
    own = ("origin", "http://localhost")
    assert refusal(("host", "localhost"), own, own, origins=("http://localhost",)) == "origin_not_allowed"


def test_pages_that_the_settings_name() -> None:
    page = ("origin", "http://localhost:3000")
    assert refusal(("host", "localhost:60215"), page, origins=("http://localhost:3000",)) is None
    assert refusal(("host", "localhost:60215"), page, origins=("http://localhost",)) == "origin_not_allowed"


@pytest.mark.parametrize(("keys", "expected"), [(False, "origin_not_allowed"), (True, None)])
def test_a_star_names_no_host(settings: Settings, keys: bool, expected: str | None) -> None:
    """evil.example may lead here by rebinding. Where keys are required it has none, and the server's own pages work."""
    settings.ALLOWED_HOSTS = ["*"]
    page = ("origin", "http://evil.example")
    assert refusal(("host", "evil.example"), page, keys=keys) == expected
    assert refusal(("host", "localhost"), page, keys=keys) == "origin_not_allowed"
    assert refusal(("host", "evil.example")) is None
    settings.ALLOWED_HOSTS = ["*", "evil.example"]
    assert refusal(("host", "evil.example"), page, keys=keys) is None


def test_what_django_allows_in_development(settings: Settings) -> None:
    settings.ALLOWED_HOSTS, settings.DEBUG = [], True
    assert refusal(("host", "localhost:8000"), ("origin", "http://localhost:8000")) is None
    assert refusal(("host", "evil.example")) == "host_not_allowed"
