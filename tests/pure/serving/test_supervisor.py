import logging
import socket
from pathlib import Path

import pytest

from streaming.serving.supervisor import READY, notify


@pytest.mark.parametrize("is_abstract", [False, True])
def test_a_supervisor_that_wants_to_know_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("\0" + path if is_abstract else path)
        supervisor.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path if is_abstract else path)
        notify(READY)
        assert supervisor.recv(64) == b"READY=1"


def test_one_that_is_gone_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        notify(READY)
    assert "NOTIFY_SOCKET" in caplog.text


def test_nobody_is_told_where_nobody_wants_to_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)
    assert caplog.text == ""
