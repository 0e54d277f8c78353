"""How often passwords may be tried in the admin, with time as a number, and through Django's own client."""

import re
from typing import Any

import pytest
from django.contrib import admin, auth
from django.contrib.auth import forms
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.pure.clock import Clock
from xtts_site.sign_in import (
    ATTEMPTS_AT_ONCE,
    PASSWORDS_AT_ONCE,
    SECONDS_PER_ATTEMPT,
    SECONDS_PER_PASSWORD,
    PasswordAttempts,
)

LOGIN, CHANGE = "/admin/login/", "/admin/password_change/"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def attempts(clock: Clock) -> PasswordAttempts:
    return PasswordAttempts(clock)


@pytest.fixture
def looked_at(attempts: PasswordAttempts, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[Any]:
    """The names whose passwords were looked at, on a server that has just started."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    site: Any = admin.site  # a proxy, which cannot be patched itself
    monkeypatch.setattr(site._wrapped, "password_attempts", attempts)
    seen: list[Any] = []
    authenticate = auth.authenticate

    def note(request: Any = None, **credentials: Any) -> Any:
        seen.append(credentials["username"])
        return authenticate(request, **credentials)

    monkeypatch.setattr(forms, "authenticate", note)
    return seen


@pytest.fixture
def ada(db: None, looked_at: list[Any]) -> User:
    return User.objects.create_superuser("ada", password="lovelace")


def sign_in(password: str, name: str = "ada", address: str = HERE, client: Client | None = None) -> Any:
    form = {"username": name, "password": password}
    return (client or Client(REMOTE_ADDR=address)).post(LOGIN, form, REMOTE_ADDR=address)


# The count


def test_a_few_at_once_and_then_one_a_minute(attempts: PasswordAttempts, clock: Clock) -> None:
    assert [attempts.begin(HERE, "ada") for _ in range(PASSWORDS_AT_ONCE)] == [0.0] * PASSWORDS_AT_ONCE
    assert attempts.begin(HERE, "ada") == SECONDS_PER_PASSWORD
    clock.now += SECONDS_PER_PASSWORD
    assert attempts.begin(HERE, "ada") == 0.0
    assert attempts.begin(HERE, "ada") > 0


def test_names_of_one_address_have_a_limit_together(attempts: PasswordAttempts, clock: Clock) -> None:
    assert not any(attempts.begin(HERE, f"user {number}") for number in range(ATTEMPTS_AT_ONCE))
    assert attempts.begin(HERE, "ada") == SECONDS_PER_ATTEMPT
    clock.now += SECONDS_PER_ATTEMPT
    assert attempts.begin(HERE, "ada") == 0.0


def test_what_the_address_is_refused_for_does_not_count_for_the_name(attempts: PasswordAttempts, clock: Clock) -> None:
    for number in range(ATTEMPTS_AT_ONCE + 50):
        attempts.begin(HERE, f"user {min(number, ATTEMPTS_AT_ONCE)}")
    clock.now += SECONDS_PER_ATTEMPT * PASSWORDS_AT_ONCE
    assert [attempts.begin(HERE, f"user {ATTEMPTS_AT_ONCE}") for _ in range(PASSWORDS_AT_ONCE)] == [
        0.0
    ] * PASSWORDS_AT_ONCE


def test_addresses_do_not_share(attempts: PasswordAttempts) -> None:
    while not attempts.begin(HERE, "ada"):
        pass
    assert attempts.begin(THERE, "ada") == 0.0


def test_success_begins_anew(attempts: PasswordAttempts) -> None:
    for _ in range(10 * ATTEMPTS_AT_ONCE):
        assert attempts.begin(HERE, "ada") == 0.0
        attempts.succeeded(HERE, "ada")


def test_ones_own_password_buys_no_attempts_at_anothers(attempts: PasswordAttempts) -> None:
    guesses = 0
    for _ in range(100):
        guesses += not attempts.begin(HERE, "ada")
        if not attempts.begin(HERE, "mallory"):
            attempts.succeeded(HERE, "mallory")
    assert guesses == PASSWORDS_AT_ONCE


# The pages


def test_after_a_few_wrong_passwords_none_is_looked_at(ada: User, looked_at: list[Any]) -> None:
    for _ in range(PASSWORDS_AT_ONCE):
        assert sign_in("wrong").status_code == 200
    refused = sign_in("lovelace")
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many passwords were tried from your address. Try again in 60 seconds." in refused.content.decode()
    assert "sessionid" not in refused.cookies
    assert looked_at == ["ada"] * PASSWORDS_AT_ONCE


def test_the_administrator_signs_in_from_another_address_meanwhile(ada: User) -> None:
    for _ in range(PASSWORDS_AT_ONCE + 1):
        sign_in("wrong")
    assert sign_in("lovelace", address=THERE).status_code == 302


def test_a_right_password_forgives_the_wrong_ones(ada: User) -> None:
    for _ in range(3):
        for _ in range(PASSWORDS_AT_ONCE - 1):
            assert sign_in("wrong").status_code == 200
        assert sign_in("lovelace").status_code == 302


@pytest.mark.parametrize("name", [" ada", "ada\n", "\uff41da"])
def test_one_name_is_one_name_however_it_is_written(ada: User, looked_at: list[Any], name: str) -> None:
    for _ in range(PASSWORDS_AT_ONCE):
        sign_in("wrong")
    assert sign_in("lovelace", name=name).status_code == 429


def test_a_name_is_not_kept_longer_than_names_are(ada: User, attempts: PasswordAttempts) -> None:
    sign_in("wrong", name="x" * 100_000)
    assert max(len(subject[1]) for subject in attempts._rates._full_at if isinstance(subject, tuple)) == 200


def test_an_address_that_can_be_chosen_freely_is_a_network(ada: User) -> None:
    answers = [sign_in("wrong", address=f"2001:db8::{number}") for number in range(1, PASSWORDS_AT_ONCE + 2)]
    assert answers[-1].status_code == 429


def test_a_page_without_a_password_counts_for_nothing(ada: User) -> None:
    client = Client(REMOTE_ADDR=HERE)
    assert {client.get(LOGIN).status_code for _ in range(2 * ATTEMPTS_AT_ONCE)} == {200}
    assert sign_in("lovelace").status_code == 302


def test_the_old_password_cannot_be_tried_out_either(ada: User) -> None:
    """By somebody at an administrator's unlocked screen."""
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(ada)
    new = {"new_password1": "a new password", "new_password2": "a new password"}
    statuses = [client.post(CHANGE, {"old_password": "wrong"} | new).status_code for _ in range(PASSWORDS_AT_ONCE + 1)]
    assert statuses == [200] * PASSWORDS_AT_ONCE + [429]
    assert client.post(CHANGE, {"old_password": "lovelace"} | new).status_code == 429


def test_a_password_is_changed(ada: User) -> None:
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(ada)
    new = {"new_password1": "a new password", "new_password2": "a new password"}
    assert client.post(CHANGE, {"old_password": "lovelace"} | new).status_code == 302


def test_the_refusal_leads_back_and_needs_no_script(ada: User) -> None:
    for _ in range(PASSWORDS_AT_ONCE):
        sign_in("wrong")
    page = sign_in("wrong").content.decode()
    assert f'<a href="{LOGIN}">' in page
    assert not re.search(r"\son\w+=|\sstyle=", page)


def test_a_customers_ipv6_addresses_are_one(ada: User, looked_at: list[Any]) -> None:
    """Who has 48 bits of them has 65,536 links."""
    found = [sign_in("guess", address=f"2001:db8:1:{link:x}::1").status_code for link in range(PASSWORDS_AT_ONCE + 1)]
    assert found == [200] * PASSWORDS_AT_ONCE + [429]
    assert sign_in("guess", address="2001:db8:2::1").status_code == 200
