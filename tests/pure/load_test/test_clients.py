"""What a client of a load test costs the machine that measures."""

import ssl

import pytest

from streaming.load_test.clients import Target, client_of
from streaming.load_test.plan import KINDS


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
async def test_the_trusted_authorities_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    target = Target(url)
    read: list[object] = []

    def note(**options: object) -> ssl.SSLContext:
        read.append(options)
        return target.tls

    monkeypatch.setattr(ssl, "create_default_context", note)
    for kind in KINDS:
        async with client_of(kind, target, "demo"):
            pass
    assert read == []
