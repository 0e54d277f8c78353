"""Every way in which clients send a key: docs/protocol.md, Keys on a socket."""

from collections.abc import Callable

import pytest

from streaming.access.credentials import Credentials


def test_the_header_of_elevenlabs() -> None:
    found = Credentials.from_headers([(b"host", b"x"), (b"xi-api-key", b"sk_1")])
    assert (found.api_key, found.bearer) == ("sk_1", None)


@pytest.mark.parametrize("value", [b"Bearer sk_1", b"bearer  sk_1 ", b"sk_1"])
def test_the_header_of_openai(value: bytes) -> None:
    assert Credentials.from_headers([(b"authorization", value)]).bearer == "sk_1"


@pytest.mark.parametrize("name", ["xi-api-key", "xi_api_key"])
def test_both_spellings_in_a_first_message(name: str) -> None:
    assert Credentials.from_message({name: "sk_1", "text": " "}).api_key == "sk_1"


@pytest.mark.parametrize("name", ["xi-api-key", "xi_api_key"])
def test_neither_in_a_query_which_ends_up_in_logs(name: str) -> None:
    assert not Credentials.from_query({name: "sk_1"})


def test_an_empty_spelling_does_not_hide_the_other() -> None:
    assert Credentials.from_message({"xi-api-key": "", "xi_api_key": "sk_1"}).api_key == "sk_1"


@pytest.mark.parametrize("read", [Credentials.from_query, Credentials.from_message])
def test_authorization_and_token(read: Callable[[dict[str, object]], Credentials]) -> None:
    found = read({"authorization": "Bearer b", "single_use_token": "t"})
    assert (found.bearer, found.single_use_token) == ("b", "t")


@pytest.mark.parametrize("value", [None, 5, ["sk_1"], {"a": 1}, "", "  "])
def test_what_is_no_text_is_no_key(value: object) -> None:
    assert not Credentials.from_message({"xi_api_key": value, "authorization": value, "single_use_token": value})


def test_what_is_missing_is_filled_from_elsewhere() -> None:
    both = Credentials(api_key="header").filled_from(Credentials(api_key="message", single_use_token="t"))
    assert (both.api_key, both.single_use_token) == ("header", "t")


def test_no_secret_is_in_the_repr() -> None:
    shown = repr(Credentials("sk_secret", "bearer-secret", "token-secret"))
    assert "secret" not in shown
