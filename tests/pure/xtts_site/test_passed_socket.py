import os
import socket

import pytest
from django.core.management.base import CommandError

from xtts_site.config import get_config
from xtts_site.management.commands.serve import listening_of, passed_descriptor, with_address
from xtts_site.passed_socket import NoListeningSocket, address_of, passed_by_systemd


def by_systemd(patch: pytest.MonkeyPatch, process: int, count: str) -> None:
    patch.setenv("LISTEN_PID", str(process))
    patch.setenv("LISTEN_FDS", count)


def test_a_socket_that_systemd_has_passed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    by_systemd(monkeypatch, os.getpid(), "1")
    assert passed_descriptor(None) == 3
    assert "LISTEN_FDS" not in os.environ
    assert passed_by_systemd() is None


def test_one_that_was_passed_to_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    by_systemd(monkeypatch, os.getppid(), "1")
    assert passed_descriptor(None) is None


def test_several_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    by_systemd(monkeypatch, os.getpid(), "2")
    with pytest.raises(CommandError, match="one socket"):
        passed_descriptor(None)


def test_the_command_line_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    by_systemd(monkeypatch, os.getpid(), "1")
    assert passed_descriptor(7) == 7


def test_the_address_is_that_of_the_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = with_address(get_config(), listener.fileno())
        listening = listening_of(config.service, listener.fileno())
        assert (listening.host, listening.port) == listener.getsockname()
        assert listening.descriptor == listener.fileno()


def test_what_does_not_listen_is_refused() -> None:
    with socket.socket() as other, pytest.raises(CommandError, match="no TCP socket that listens"):
        with_address(get_config(), other.fileno())


def test_what_is_no_socket_is_refused() -> None:
    with open(os.devnull) as file, pytest.raises(NoListeningSocket, match="no socket"):
        address_of(file.fileno())


def test_daphne_has_no_tls_on_it() -> None:
    service = get_config().service.model_copy(update={"server": "daphne", "tls_certificate": "c.pem"})
    config = get_config().model_copy(update={"service": service})
    with pytest.raises(CommandError, match="TLS"):
        with_address(config, 3)
