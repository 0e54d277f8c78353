"""The command-line client, run as its users run it: as a program, against a real server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from websockets.sync.server import ServerConnection, serve

from benchmarks.live_server import LiveServer, free_port, write_settings
from xtts_site.config import PROJECT_DIR

PROGRAM = (sys.executable, "-W", "error", str(PROJECT_DIR / "example.py"))
SENTENCE = "The weather is fine today."
LONG = "The weather is fine today, and the birds are singing in the trees. " * 4
FFPLAY = '#!/bin/sh\nprintf "%s\\n" "$*" > ffplay.arguments\nexec cat > ffplay.pcm\n'


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ffplay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A player that keeps what it is given."""
    script = tmp_path / "bin" / "ffplay"
    script.parent.mkdir()
    script.write_text(FFPLAY)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)


def example(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--port", str(port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def start(port: int, *arguments: str) -> subprocess.Popen[bytes]:
    command = [*PROGRAM, "--port", str(port), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def saved(name: str = "output.wav") -> tuple[int, bytes]:
    """Sample rate and PCM."""
    with wave.open(name) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())


def seconds(name: str = "output.wav") -> float:
    rate, pcm = saved(name)
    return len(pcm) / 2 / rate


def wait_for_file(path: Path) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end, "no audio came"
        time.sleep(0.02)


def figure(output: str, name: str) -> str:
    return next(line.removeprefix(name).split()[0] for line in output.splitlines() if line.startswith(name))


def test_saves_what_it_heard_at_the_asked_rate(server: LiveServer) -> None:
    done = example(server.port, "--text", SENTENCE, "--sr", "16000", "--out", "speech.wav")
    assert (done.returncode, done.stderr) == (0, "")
    assert saved("speech.wav")[0] == 16_000
    assert 1.0 < seconds("speech.wav") < 4.0


def test_prints_figures_that_fit_the_recording(server: LiveServer) -> None:
    output = example(server.port, "--text", SENTENCE).stdout
    assert float(figure(output, "audio")) == pytest.approx(seconds(), abs=0.01)
    assert float(figure(output, "audio")) / int(figure(output, "packets")) <= 0.0605  # the figure is rounded
    assert 0 < int(figure(output, "TTFA")) <= int(figure(output, "TTFT")) < 10_000
    assert int(figure(output, "longest starvation")) <= int(figure(output, "longest gap"))


def test_figures_are_aligned(server: LiveServer) -> None:
    lines = example(server.port, "--text", SENTENCE).stdout.splitlines()
    assert len(lines) == 6
    assert {len(line.removesuffix(" ms").removesuffix(" s")) for line in lines} == {29}


def test_text_from_a_pipe_is_spoken_before_the_pipe_ends(server: LiveServer, tmp_path: Path) -> None:
    with start(server.port, "--file", "-", "--chunk_length_schedule", "10") as process:
        assert process.stdin is not None
        process.stdin.write(b"The first sentence is here. ")
        process.stdin.flush()
        wait_for_file(tmp_path / "output.wav")
        output, errors = process.communicate(b"And here comes another one.", timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert b"TTFA from first text" in output
    assert seconds() > 2.0


def test_a_character_split_between_two_reads_survives(server: LiveServer) -> None:
    first, second = "Über".encode()[:1], "Über den Wolken.".encode()[1:]
    with start(server.port, "--file", "-") as process:
        assert process.stdin is not None
        process.stdin.write(first)
        process.stdin.flush()
        time.sleep(1.0)
        _, errors = process.communicate(second, timeout=60)
    assert (process.returncode, errors) == (0, b"")


def test_text_from_a_file(server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(f"{SENTENCE}\n{SENTENCE}\n")
    assert example(server.port, "--file", "text.txt").returncode == 0
    assert seconds() > 2.0


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"caf\xe9", "not UTF-8")])
def test_an_unreadable_file_is_one_sentence(
    server: LiveServer, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    done = example(server.port, "--file", "text.txt")
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_slow_writer_delays_the_flush(server: LiveServer) -> None:
    done = example(server.port, "--text", "one two three four", "--piece-delay-ms", "300")
    assert int(figure(done.stdout, "TTFT")) - int(figure(done.stdout, "TTFA")) >= 1200


@pytest.mark.parametrize("option", ["--stream-chunk-size", "--stream_chunk_size"])
def test_dashes_and_underscores_are_the_same_and_reach_the_server(server: LiveServer, option: str) -> None:
    done = example(server.port, "--text", SENTENCE, option, "1000")
    assert (done.returncode, done.stdout) == (1, "")
    assert "stream_chunk_size must be a number from 1 to 100" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--target-lead-ms", "-1"),
        ("--speed", "9"),
        ("--seed", "-1"),
        ("--left-context-seconds", "99"),
        ("--overlap-wav-len", "9999"),
        ("--inactivity-timeout", "0"),
        ("--mode", "sing"),
        ("--chunk-length-schedule", "32,9999"),
        ("--chunk-length-schedule-frames", "0"),
    ],
)
def test_settings_reach_the_server(server: LiveServer, option: str, value: str) -> None:
    done = example(server.port, "--text", SENTENCE, option, value)
    assert done.returncode == 1
    assert f"{option[2:].replace('-', '_')} must be " in done.stderr


def test_speed_is_heard(server: LiveServer) -> None:
    example(server.port, "--text", SENTENCE, "--out", "plain.wav")
    example(server.port, "--text", SENTENCE, "--speed", "2", "--out", "fast.wav")
    assert seconds("fast.wav") < 0.7 * seconds("plain.wav")


def test_an_unknown_voice_fails_with_the_words_of_the_server(server: LiveServer) -> None:
    done = example(server.port, "--voice-id", "nobody", "--text", SENTENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_bad_rate_shows_the_format_error_of_the_server(server: LiveServer) -> None:
    done = example(server.port, "--sr", "11025", "--text", SENTENCE)
    assert done.returncode == 1
    assert done.stderr.startswith("Invalid EL_AUDIO_FORMAT: pcm_11025")


def test_a_refusal_leaves_the_last_recording_alone(server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "output.wav").write_bytes(b"the last one")
    example(server.port, "--voice-id", "nobody", "--text", SENTENCE)
    assert (tmp_path / "output.wav").read_bytes() == b"the last one"


def test_nothing_listens() -> None:
    port = free_port()
    done = example(port, "--text", SENTENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Nothing is listening on 127.0.0.1:{port}.\n"


@pytest.mark.parametrize("arguments", [("--host", "nobody.invalid"), ("--port", "70000")])
def test_a_bad_address_is_one_sentence(server: LiveServer, arguments: tuple[str, ...]) -> None:
    done = example(server.port, "--text", SENTENCE, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot connect to ")
    assert done.stderr.count("\n") == 1


def test_no_save_writes_nothing(server: LiveServer, tmp_path: Path) -> None:
    assert example(server.port, "--text", SENTENCE, "--no-save").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_one_sentence(server: LiveServer) -> None:
    done = example(server.port, "--text", SENTENCE, "--out", "nowhere/speech.wav")
    assert done.returncode == 1
    assert done.stderr == "Cannot write nowhere/speech.wav: No such file or directory.\n"


def test_blank_text_is_no_speech(server: LiveServer, tmp_path: Path) -> None:
    done = example(server.port, "--text", " ")
    assert (done.returncode, done.stderr) == (1, "The server sent no audio.\n")
    assert not (tmp_path / "output.wav").exists()


def test_something_to_say_is_needed() -> None:
    done = example(free_port())
    assert done.returncode == 2
    assert "either --text or --file" in done.stderr


def test_interrupted_it_keeps_what_it_has(server: LiveServer, tmp_path: Path) -> None:
    with start(server.port, "--text", LONG) as process:
        wait_for_file(tmp_path / "output.wav")
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")
    assert float(figure(output.decode(), "audio")) == pytest.approx(seconds(), abs=0.01)
    assert 0.5 < seconds() < 8.0


def test_interrupted_while_the_pipe_is_silent(server: LiveServer, tmp_path: Path) -> None:
    with start(server.port, "--file", "-", "--chunk_length_schedule", "10") as process:
        assert process.stdin is not None
        process.stdin.write(b"The first sentence is here. ")
        process.stdin.flush()
        wait_for_file(tmp_path / "output.wav")
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (130, b"")


@pytest.mark.usefixtures("ffplay")
def test_the_player_gets_what_is_saved(server: LiveServer, tmp_path: Path) -> None:
    done = example(server.port, "--text", SENTENCE, "--sr", "22050", "--play")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "ffplay.pcm").read_bytes() == saved()[1] != b""
    assert "-f s16le -sample_rate 22050 -i pipe:0" in (tmp_path / "ffplay.arguments").read_text()


def test_without_a_player_it_says_so_and_goes_on(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = example(server.port, "--text", SENTENCE, "--play")
    assert (done.returncode, done.stderr) == (0, "Cannot play: ffplay (a part of FFmpeg) is not on PATH.\n")
    assert seconds() > 1.0


def test_forward_mode_asks_for_its_channel(server: LiveServer) -> None:
    done = example(server.port, "--mode", "forward", "--audio-channel", "other:1")
    assert done.returncode == 1
    assert "audio_channel must begin with an allowed prefix" in done.stderr


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Its authority is authority.pem beside its settings."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    files = {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}
    with LiveServer(write_settings(folder, service=files)) as live:
        live.wait_until(lambda: example(live.port, "--text", "Hello.", "--no-save", "--insecure").returncode == 0)
        yield live


def test_tls_with_a_given_authority(tls_server: LiveServer) -> None:
    authority = tls_server.settings_file.parent / "authority.pem"
    done = example(tls_server.port, "--text", SENTENCE, "--ca-file", str(authority))
    assert (done.returncode, done.stderr) == (0, "")


def test_tls_with_an_unknown_authority_is_refused(tls_server: LiveServer) -> None:
    done = example(tls_server.port, "--text", SENTENCE, "--tls")
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr


@contextmanager
def other_server(talk: Callable[[ServerConnection], None]) -> Iterator[int]:
    """A server of a few lines, for what the real one never does or never tells. Its port."""
    with serve(talk, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.socket.getsockname()[1]
        running.shutdown()
    thread.join()


def heard_by_server(*arguments: str) -> tuple[ServerConnection, list[dict[str, object]]]:
    """The connection that these arguments open, and every message on it."""
    sockets: list[ServerConnection] = []
    messages: list[dict[str, object]] = []

    def talk(socket: ServerConnection) -> None:
        sockets.append(socket)
        while not messages or messages[-1] != {"text": ""}:
            messages.append(json.loads(socket.recv()))
        socket.send('{"isFinal": true}')

    with other_server(talk) as port:
        example(port, *arguments)
    return sockets[0], messages


def test_only_what_the_user_has_set_is_sent() -> None:
    socket, messages = heard_by_server("--text", "Good morning")
    assert socket.request is not None
    assert socket.request.path == "/v1/text-to-speech/demo/stream-input"
    assert "xi-api-key" not in socket.request.headers
    assert messages == [
        {"type": "ttsInitRequest", "audio_format": "pcm_24000"},
        {"text": "Good "},
        {"text": "morning"},
        {"flush": True},
        {"text": ""},
    ]


def test_settings_go_where_the_protocol_wants_them() -> None:
    query = ("--stream_chunk_size", "3", "--left_context_seconds", "0.6", "--sync-alignment", "--api-key", "secret")
    init = ("--speed", "1.5", "--chunk_length_schedule", "32,64", "--target_lead_ms", "40")
    socket, messages = heard_by_server("--text", "Hi", "--voice-id", "a b", *query, *init)
    assert socket.request is not None
    assert socket.request.headers["xi-api-key"] == "secret"
    path, _, values = socket.request.path.partition("?")
    assert path == "/v1/text-to-speech/a%20b/stream-input"
    assert set(values.split("&")) == {"stream_chunk_size=3", "left_context_seconds=0.6", "sync_alignment=true"}
    assert messages[0]["target_lead_ms"] == 40
    assert messages[0]["generation_config"] == {"speed": 1.5, "chunk_length_schedule": [32, 64]}


def test_a_close_without_a_final_message_is_an_error() -> None:
    with other_server(lambda socket: socket.close(1000)) as port:
        done = example(port, "--text", SENTENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "closed the connection before the final message" in done.stderr
    assert done.stderr.count("\n") == 1
