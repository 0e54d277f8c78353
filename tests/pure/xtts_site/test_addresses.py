"""The addresses that a start prints."""

import pytest

from xtts_site.addresses import ipv4_addresses, ipv6_addresses, listened_on, reachable

EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("speech.lan", "speech.lan"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("2001:db8::7", "[2001:db8::7]"),
    ],
)
def test_one_address_is_itself(host: str, shown: str) -> None:
    assert listened_on(host) == [shown]


def test_everywhere_is_this_machine_and_each_of_its_addresses() -> None:
    assert listened_on(EVERYWHERE) == ["127.0.0.1", *ipv4_addresses()]
    assert listened_on("::") == ["[::1]", *(f"[{address}]" for address in ipv6_addresses())]


def test_a_client_on_this_machine_finds_a_server_that_listens_everywhere() -> None:
    assert (reachable(EVERYWHERE), reachable("::"), reachable("::1")) == ("127.0.0.1", "[::1]", "[::1]")
