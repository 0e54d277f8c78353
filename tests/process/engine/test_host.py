"""The engine's process, driven over its pipe as the server does it."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stepping_engine import stepping_spec
from streaming.engine.contract import (
    EngineInfo,
    Failed,
    Finished,
    PcmChunk,
    Prepare,
    Prepared,
    Sink,
    SpeechRequest,
    VoiceRef,
)
from streaming.engine.framing import LARGEST_FRAME, Broken, Cancel, Frame, Ping, Pong, Ready, Stop, decode, encode
from tests.process.engine.cloning_engine import cloning_spec, conditioning_of, noted
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
        for message in encode(frame):
            self.connection.send_bytes(message)

    def receive(self) -> Frame:
        assert self.connection.poll(30), "the host says nothing"
        return decode(self.connection.recv_bytes)

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

    close = end


@pytest.fixture
def host() -> Iterator[RunningHost]:
    running = RunningHost()
    yield running
    running.end()


@pytest.fixture
def cloning(tmp_path: Path) -> Iterator[RunningHost]:
    spec = cloning_spec(tmp_path)
    running = RunningHost(spec.name, spec.options)
    assert isinstance(running.receive(), Ready)
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
    assert (info.name, info.sample_rate, info.clones) == ("demo", 22_050, False)
    assert info.languages[0] == "en"
    assert {"ru", "de", "zh"} < set(info.languages)


def test_it_speaks_what_is_asked_for_and_ends_when_told(ready: RunningHost) -> None:
    ready.send(SpeechRequest("1", "Hello."))
    assert isinstance(ready.receive(), PcmChunk)
    assert ready.last_word() == Finished("1")
    ready.send(Stop())
    assert ready.exit_code() == 0


def test_it_answers_while_it_loads(host: RunningHost) -> None:
    host.send(Ping())
    assert host.receive() == Pong(0.0)
    assert isinstance(host.receive(), Ready)


def test_it_answers_during_a_step_and_says_how_long_that_lasts(tmp_path: Path) -> None:
    spec = stepping_spec(folder=tmp_path)
    with closing(RunningHost(spec.name, spec.options)) as host:
        assert isinstance(host.receive(), Ready)
        host.send(Ping())
        assert host.receive() == Pong(0.0)
        (tmp_path / "hold-step").touch()
        host.send(SpeechRequest("1", "Hello."))
        lasted = [0.0]
        while len(lasted) < 4:
            host.send(Ping())
            answer = host.receive()
            assert isinstance(answer, Pong)
            if answer.step_seconds:
                lasted.append(answer.step_seconds)
        assert lasted == sorted(set(lasted))
        (tmp_path / "hold-step").unlink()
        assert host.last_word() == Finished("1")


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_the_business_of_the_server(ready: RunningHost, number: int) -> None:
    """A terminal and systemd send them to every process."""
    ready.process.send_signal(number)
    ready.send(SpeechRequest("1", "Hello."))
    assert ready.last_word() == Finished("1")


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


def test_an_engine_that_fails_ends_the_process_though_a_thread_of_it_hangs() -> None:
    host = RunningHost("tests.process.engine.test_host:FailingEngine", {})
    assert isinstance(host.receive(), Ready)
    host.send(SpeechRequest("1", "Hello."))
    assert host.receive() == Broken("RuntimeError: The GPU is lost.")
    assert host.exit_code() == 1
    host.end()


class FailingEngine:
    """Fails at its first request, and leaves a thread behind that never ends."""

    def __init__(self) -> None:
        self.info = EngineInfo("failing", 24_000, ("en",), clones=False)
        self._asked = threading.Event()

    def warm_up(self) -> None:
        threading.Thread(target=threading.Event().wait).start()

    def submit(self, request: SpeechRequest, sink: Sink) -> None:
        self._asked.set()

    def run(self) -> None:
        self._asked.wait()
        raise RuntimeError("The GPU is lost.")


def test_garbage_on_the_pipe_does_not_leave_it_deaf(ready: RunningHost) -> None:
    """Going on and ending are both fine; hearing nothing from then on is not."""
    ready.connection.send_bytes(b"garbage")
    ready.send(Stop())
    assert ready.exit_code() in (0, 1)


def test_the_embedded_voice_says_that_it_cannot_clone(ready: RunningHost) -> None:
    ready.send(Prepare("1", VoiceRef("key", (b"recording",))))
    assert ready.receive() == Failed("1", "The embedded voice cannot clone.")


def test_an_engine_of_ones_own_prepares_voices_from_recordings_of_many_megabytes(cloning: RunningHost) -> None:
    clips = (os.urandom(20 * 2**20), os.urandom(10 * 2**20))
    cloning.send(Prepare("1", VoiceRef("key", clips)))
    assert cloning.receive() == Prepared("1", conditioning_of(clips))


def test_speech_goes_on_while_a_voice_is_prepared(cloning: RunningHost, tmp_path: Path) -> None:
    (tmp_path / "hold-preparation").touch()
    cloning.send(Prepare("1", VoiceRef("key", (bytes(2**20),))))
    cloning.send(SpeechRequest("2", "Hello.", VoiceRef("other", conditioning=b"other")))
    assert cloning.last_word() == Finished("2")
    (tmp_path / "hold-preparation").unlink()
    assert isinstance(cloning.receive(), Prepared)
    assert [note["clips"] for note in noted(tmp_path, "speak")] == [0]


def test_a_frame_without_bounds_ends_it(ready: RunningHost) -> None:
    os.write(ready.connection.fileno(), struct.pack("!i", LARGEST_FRAME + 1))
    assert ready.exit_code() == 1
