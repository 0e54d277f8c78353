"""The engine's process, driven over its pipe as the server does it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from streaming.engine.contract import Finished, PcmChunk, SpeechRequest
from streaming.engine.framing import Broken, Cancel, Frame, Ready, Stop, decode, encode
from xtts_site.config import PROJECT_DIR

LONG = "The weather is fine today, and the birds are singing in the trees. " * 15


class RunningHost:
    """`python -m streaming.engine.host`, and our end of its pipe."""

    def __init__(self, name: str = "demo", options: dict[str, Any] | None = None) -> None:
        ours, theirs = socket.socketpair()
        spec = json.dumps({"name": name, "options": {"threads": 1} if options is None else options})
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streaming.engine.host", str(theirs.fileno()), spec],
                cwd=PROJECT_DIR,
                pass_fds=[theirs.fileno()],
                stderr=subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())

    def send(self, frame: Frame) -> None:
        self.connection.send_bytes(encode(frame))

    def receive(self) -> Frame:
        assert self.connection.poll(30), "the host says nothing"
        return decode(self.connection.recv_bytes())

    def last_word(self) -> Frame:
        while isinstance(frame := self.receive(), PcmChunk):
            pass
        return frame

    def exit_code(self) -> int:
        return self.process.wait(10)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


@pytest.fixture
def host() -> Iterator[RunningHost]:
    running = RunningHost()
    yield running
    running.end()


@pytest.fixture
def ready(host: RunningHost) -> RunningHost:
    assert isinstance(host.receive(), Ready)
    return host


def test_its_first_word_is_what_the_engine_is(host: RunningHost) -> None:
    word = host.receive()
    assert isinstance(word, Ready)
    info = word.info
    assert (info.name, info.sample_rate, info.languages, info.clones) == ("demo", 22_050, ("en",), False)


def test_it_speaks_what_is_asked_for_and_ends_when_told(ready: RunningHost) -> None:
    ready.send(SpeechRequest("1", "Hello."))
    assert isinstance(ready.receive(), PcmChunk)
    assert ready.last_word() == Finished("1")
    ready.send(Stop())
    assert ready.exit_code() == 0


def test_stop_during_loading_ends_it(host: RunningHost) -> None:
    host.send(Stop())
    assert host.exit_code() == 0


def test_stop_during_speech_says_the_last_words_first(ready: RunningHost) -> None:
    for request_id in "12":
        ready.send(SpeechRequest(request_id, LONG))
    assert isinstance(ready.receive(), PcmChunk)
    ready.send(Stop())
    assert {ready.last_word(), ready.last_word()} == {Finished("1", cancelled=True), Finished("2", cancelled=True)}
    assert ready.exit_code() == 0


def test_cancel_is_obeyed_within_a_step(ready: RunningHost) -> None:
    ready.send(SpeechRequest("1", LONG))
    assert isinstance(ready.receive(), PcmChunk)
    ready.send(Cancel("1"))
    assert ready.last_word() == Finished("1", cancelled=True)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_when_the_server_is_gone_so_is_the_process(host: RunningHost, is_loaded: bool) -> None:
    if is_loaded:
        host.receive()
        host.send(SpeechRequest("1", LONG))
    host.connection.close()
    assert host.exit_code() == 1


def test_ctrl_c_is_the_business_of_the_server(ready: RunningHost) -> None:
    ready.process.send_signal(signal.SIGINT)
    ready.send(SpeechRequest("1", "Hello."))
    assert ready.last_word() == Finished("1")


def test_the_server_can_end_it_with_sigterm(ready: RunningHost) -> None:
    ready.process.terminate()
    assert ready.exit_code() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [("no such engine", {}, "no such engine"), ("demo", {"wheels": 4}, "wheels"), ("demo", {"threads": 0}, "workers")],
)
def test_an_engine_that_cannot_be_loaded_says_why(name: str, options: dict[str, Any], reason: str) -> None:
    host = RunningHost(name, options)
    word = host.receive()
    assert isinstance(word, Broken)
    assert reason in word.message
    assert host.exit_code() == 1
    host.end()


def test_garbage_on_the_pipe_does_not_leave_it_deaf(ready: RunningHost) -> None:
    """Going on and ending are both fine; hearing nothing from then on is not."""
    ready.connection.send_bytes(b"garbage")
    ready.send(Stop())
    assert ready.exit_code() in (0, 1)
