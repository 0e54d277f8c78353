"""A stranger tries out passwords in the admin."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from benchmarks.live_server import LiveServer, manage, set_up, write_settings
from tests.attacks.signing_in import LOGIN, browser, form_token, sign_in
from xtts_site.sign_in import PASSWORDS_AT_ONCE

SECONDS = 3600  # tests.attacks.long_memory_server

pytestmark = pytest.mark.both_servers

MAKE = """
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
ada = get_user_model().objects.create_superuser("ada")
ada.password = MD5PasswordHasher().encode("lovelace", "salt")
ada.save()
"""


def new_server(folder: pytest.TempPathFactory, **service: object) -> LiveServer:
    settings = write_settings(folder.mktemp("admin"), service=service)
    set_up(settings)
    made = manage(settings, "shell", "-v0", "-c", MAKE)
    assert made.returncode == 0, made.stderr
    return LiveServer(settings, ("-m", "tests.attacks.long_memory_server"))


@pytest.fixture(scope="module")
def admin_server(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    with new_server(tmp_path_factory) as live:
        yield live


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    with new_server(tmp_path_factory, behind_tls_proxy=True) as live:
        yield live


def test_after_a_few_passwords_from_an_address_none_is_right(admin_server: LiveServer) -> None:
    with browser(admin_server.base_url, "127.0.0.2") as client:
        found = [sign_in(client, "ada", f"guess {number}").status_code for number in range(PASSWORDS_AT_ONCE + 3)]
        assert found == [200] * PASSWORDS_AT_ONCE + [429] * 3
        refused = sign_in(client, "ada", "lovelace")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= SECONDS
        assert "Too many passwords were tried from your address. Try again in " in refused.text
        assert "sessionid" not in client.cookies
        assert client.get("/admin/").status_code == 302
    with browser(admin_server.base_url, "127.0.0.3") as client:
        assert sign_in(client, "ada", "lovelace").status_code == 302
        assert client.get("/admin/").status_code == 200


def test_guesses_at_the_same_moment_are_counted_as_well(admin_server: LiveServer) -> None:
    with browser(admin_server.base_url, "127.0.0.4") as client:
        token = form_token(client)
        form = {"username": "ada", "password": "guess", "csrfmiddlewaretoken": token}
        with ThreadPoolExecutor(20) as threads:
            answers = threads.map(lambda _: client.post(LOGIN, data=form).status_code, range(20))
            assert sorted(answers) == [200] * PASSWORDS_AT_ONCE + [429] * (20 - PASSWORDS_AT_ONCE)


def test_an_address_that_a_client_makes_up_counts_for_nothing(admin_server: LiveServer) -> None:
    with browser(admin_server.base_url, "127.0.0.5") as client:
        for number in range(PASSWORDS_AT_ONCE + 1):
            made_up = f"10.0.0.{number}"
            client.headers.update({"X-Forwarded-For": made_up, "X-Real-IP": made_up, "Forwarded": f"for={made_up}"})
            last = sign_in(client, "ada", "guess")
    assert last.status_code == 429


def test_behind_a_proxy_its_word_for_the_address_counts(proxied: LiveServer) -> None:
    def attempt(address: str, password: str) -> int:
        headers = {
            "X-Forwarded-For": address,
            "X-Forwarded-Proto": "https",
            "Referer": f"https://127.0.0.1:{proxied.port}/",
        }
        page = httpx.get(f"{proxied.base_url}{LOGIN}", headers=headers, timeout=60)
        token = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page.text)[0]
        # The cookie is for TLS alone, which the proxy that is not there would have.
        cookie = page.headers["set-cookie"].partition(";")[0]
        form = {"username": "ada", "password": password, "csrfmiddlewaretoken": token}
        url = f"{proxied.base_url}{LOGIN}"
        return httpx.post(url, data=form, headers=headers | {"Cookie": cookie}, timeout=60).status_code

    assert [attempt("192.0.2.1", "guess") for _ in range(PASSWORDS_AT_ONCE + 1)] == [200] * PASSWORDS_AT_ONCE + [429]
    assert attempt("192.0.2.1", "lovelace") == 429
    assert attempt("192.0.2.2", "lovelace") == 302
