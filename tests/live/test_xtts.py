"""XTTS through a whole server: a checkpoint named in the settings, a voice uploaded in the admin, real clients."""

import queue
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from elevenlabs import ElevenLabs
from numpy.typing import NDArray

from benchmarks.live_server import LiveServer, manage, run_python, write_settings
from streaming.audio.pcm import encode_pcm16
from streaming.engine.contract import EngineEvent, PcmChunk, Prepared, SpeechRequest, VoiceRef
from tests.live.client import receive_all, send
from tests.live.elevenlabs_client import speak
from tests.live.tls_proxy import tls_proxy
from tests.pure.engine.collect import collect
from tests.pure.voices.recordings import encoded as sound_file
from tests.pure.voices.recordings import recording, speech

TEXT = "Good morning."
SEED = 11
PASSWORD = "a password for one test"
RECORDING = recording(2.0, pitch=140)


@pytest.fixture(scope="module")
def xtts_server(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("xtts")
    settings = write_settings(folder, model={"checkpoint_path": str(tiny_checkpoint), "device": "cpu", "threads": 1})
    with LiveServer(settings) as live:
        upload_in_admin(live)
        yield live


def upload_in_admin(server: LiveServer) -> None:
    """What a person does in a browser: sign in, fill the form for a new voice, choose a file, save."""
    set_password = f"u = User.objects.get(username='admin'); u.set_password({PASSWORD!r}); u.save()"
    done = manage(server.settings_file, "shell", "-c", f"from django.contrib.auth.models import User; {set_password}")
    assert done.returncode == 0, done.stderr
    with httpx.Client(base_url=server.base_url, follow_redirects=True) as browser:
        signed_in = post_form(browser, "/admin/login/", {"username": "admin", "password": PASSWORD, "next": "/admin/"})
        assert "Log out" in signed_in.text
        voice = {"voice_id": "anna", "name": "Anna", "description": "", "enabled": "on", "language": "en", "speed": ""}
        rows = {"clips-TOTAL_FORMS": "1", "clips-INITIAL_FORMS": "0"}
        saved = post_form(browser, "/admin/voices/voice/add/", voice | rows, {"clips-0-file": ("anna.wav", RECORDING)})
        assert "was added successfully" in saved.text, saved.text


def post_form(
    browser: httpx.Client, path: str, fields: dict[str, str], files: dict[str, tuple[str, bytes]] | None = None
) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(path).text)
    assert token
    headers = {"Referer": str(browser.base_url)}
    return browser.post(path, data=fields | {"csrfmiddlewaretoken": token[1]}, files=files, headers=headers)


@pytest.fixture(scope="module")
def made(tiny_checkpoint: Path) -> NDArray[np.float32]:
    """What an engine of the same checkpoint makes of TEXT with the same recording, here in this process."""
    from streaming.engine.xtts_loading import load_engine

    engine = load_engine(str(tiny_checkpoint), device="cpu", slots=1, threads=1)
    running = threading.Thread(target=engine.run)
    running.start()
    events: queue.Queue[EngineEvent] = queue.Queue()
    engine.prepare("voice", VoiceRef("anna", (RECORDING,)), events.put)
    prepared = events.get(timeout=60)
    assert isinstance(prepared, Prepared), prepared
    voice = VoiceRef("anna", conditioning=prepared.conditioning)
    engine.submit(SpeechRequest("speech", TEXT, voice, seed=SEED), events.put)
    chunks = [event.samples for event in collect(events, 1) if isinstance(event, PcmChunk)]
    engine.stop()
    running.join()
    return np.concatenate(chunks)


def test_the_log_says_which_engine_was_taken(xtts_server: LiveServer) -> None:
    info = xtts_server.readiness()
    assert "xtts" in str(info["engine"])
    assert "The engine xtts is ready (24000 Hz" in xtts_server.log


async def test_the_audio_on_the_socket_is_the_engines(xtts_server: LiveServer, made: NDArray[np.float32]) -> None:
    async with xtts_server.connect("anna", f"?output_format=pcm_24000&seed={SEED}") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        turn = await receive_all(socket)
    assert turn.error is None
    assert len(turn.pcm) > 1000
    # Another process may order the sums of the conditioning otherwise; int8 rounding makes a last bit audible to a test.
    assert len(turn.pcm) == len(made)
    assert np.abs(turn.pcm.astype(int) - encoded(made)).max() <= 64


async def test_a_request_says_how_its_tokens_are_sampled(xtts_server: LiveServer) -> None:
    """Of one token, no seed can draw another: on sockets and over HTTP."""
    heard = []
    for seed in (1, 2):
        async with xtts_server.connect("anna", f"?output_format=pcm_24000&seed={seed}") as socket:
            await send(socket, text=TEXT, generation_config={"top_k": 1})
            await send(socket, text="")
            heard.append((await receive_all(socket)).pcm.tobytes())
    async with httpx.AsyncClient(base_url=xtts_server.base_url, timeout=60) as client:
        body = {"text": TEXT, "seed": 3, "generation_config": {"top_k": 1}}
        answer = await client.post("/v1/text-to-speech/anna", params={"output_format": "pcm_24000"}, json=body)
        heard.append(answer.content)
        openai = {"input": TEXT, "voice": "anna", "response_format": "pcm", "top_k": 1}
        heard.append((await client.post("/v1/audio/speech", json=openai)).content)
    assert len(heard[0]) > 1000
    assert heard[1:] == heard[:1] * 3


def encoded(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.frombuffer(encode_pcm16(samples), "<i2")


def test_the_example_client_speaks(xtts_server: LiveServer, tmp_path: Path) -> None:
    target = tmp_path / "out.wav"
    arguments = ["--port", str(xtts_server.port), "--voice-id", "anna", "--text", TEXT, "--out", str(target)]
    done = run_python(xtts_server.settings_file, "example.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size > 4800


@pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning")
def test_the_elevenlabs_client_hears_the_engine(
    xtts_server: LiveServer, made: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_proxy(xtts_server.port, tmp_path) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        client = ElevenLabs(base_url=url, api_key="no keys are needed here")
        heard = np.frombuffer(speak(client, "anna", [TEXT], output_format="pcm_24000"), "<i2")
    # No seed: this client has no way to send one. What is spoken is as long as the model likes, but loud like `made`.
    assert len(heard) > 1000
    loudness = np.abs(encoded(made)).mean()
    assert 0.5 * loudness < np.abs(heard.astype(int)).mean() < 2 * loudness


def test_a_recording_that_begins_with_silence_speaks(xtts_server: LiveServer) -> None:
    """More of it than the model hears of a recording."""
    silence = np.zeros((35 * 22_050, 1))
    content = sound_file(np.concatenate((silence, speech(2.0))), container="FLAC")
    with httpx.Client(base_url=xtts_server.base_url, timeout=120) as client:
        added = client.post("/v1/voices/add", data={"name": "Late"}, files={"files": ("late.flac", content)})
        assert added.status_code == 200, added.text
        path = f"/v1/text-to-speech/{added.json()['voice_id']}"
        spoken = client.post(path, params={"output_format": "pcm_24000"}, json={"text": TEXT})
    assert spoken.status_code == 200, spoken.text
    assert len(spoken.content) > 2_000


async def test_a_built_in_speaker_needs_no_recordings(xtts_server: LiveServer) -> None:
    add = "from voices.models import Voice; Voice.objects.create(voice_id='mira', name='Mira Holm')"
    assert manage(xtts_server.settings_file, "shell", "-c", add).returncode == 0
    async with xtts_server.connect("mira", "?output_format=pcm_24000&seed=1") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        assert len((await receive_all(socket)).pcm) > 1000


async def test_a_voice_without_recordings_is_refused_with_a_reason(xtts_server: LiveServer) -> None:
    async with xtts_server.connect("demo") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        error = (await receive_all(socket)).error
    assert error is not None
    assert "recording" in str(error)


async def test_a_language_that_the_model_does_not_speak_falls_back_to_the_voices(xtts_server: LiveServer) -> None:
    async with xtts_server.connect("anna", f"?output_format=pcm_24000&seed={SEED}&language_code=sv") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        turn = await receive_all(socket)
    async with xtts_server.connect("anna", f"?output_format=pcm_24000&seed={SEED}&language_code=en") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        expected = await receive_all(socket)
    assert turn.error is None
    assert np.array_equal(turn.pcm, expected.pcm)
    assert "does not speak the language 'sv'" in xtts_server.log
