"""SDKs for JavaScript, unmodified: ElevenLabs', which validates what it gets (a required field that lacks is an exception),
OpenAI's, and the AI SDK with its providers for both.
"""

import io
import json
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile

from benchmarks.live_server import LiveServer
from tests.node_modules import NotInstalled, node_modules
from tests.pure.voices.recordings import recording
from xtts_site.config import PROJECT_DIR

SOURCE = PROJECT_DIR / "tests" / "live" / "js"
TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs beside the SDKs."""
    try:
        packages = node_modules(SOURCE)
    except NotInstalled as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("js")
    for name in ("sdk.mjs", "openai.mjs"):
        shutil.copy(SOURCE / name, folder)
    (folder / "node_modules").symlink_to(packages)
    return folder


@pytest.fixture(scope="module")
def results(sdk: Path, server: LiveServer) -> dict[str, Any]:
    """What each of the calls in sdk.mjs gave."""
    (sdk / "recording.wav").write_bytes(recording())
    run = subprocess.run(
        ["node", "sdk.mjs", server.base_url, "recording.wav"], cwd=sdk, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def test_convert_gives_mp3_when_nothing_is_said(results: dict[str, Any]) -> None:
    audio = b64decode(results["convert"]["base64"])
    assert audio[0] == 0xFF  # an MP3 frame, no tag
    assert len(audio) > 3 * 16_000


def test_streams_and_settings(results: dict[str, Any]) -> None:
    audio = b64decode(results["stream"]["base64"])
    assert results["stream"]["parts"] > 1
    assert 3.0 < len(audio) / 32_000 < 8.0
    assert len(b64decode(results["withSettings"]["base64"])) > 1.2 * len(audio)


def test_timestamps(results: dict[str, Any]) -> None:
    whole, chunks = results["withTimestamps"], results["streamWithTimestamps"]
    assert "".join(whole["alignment"]["characters"]) == TEXT
    streamed = [char for chunk in chunks if chunk.get("alignment") for char in chunk["alignment"]["characters"]]
    assert "".join(streamed) == TEXT
    audio = b"".join(b64decode(chunk["audioBase64"]) for chunk in chunks)
    assert audio == b64decode(whole["audioBase64"]) == b64decode(results["stream"]["base64"])


def test_the_life_of_a_voice(results: dict[str, Any]) -> None:
    voice_id = results["added"]["voiceId"]
    assert results["added"]["requiresVerification"] is False
    assert {"demo", voice_id} <= {voice["voiceId"] for voice in results["voices"]["voices"]}
    assert [voice["voiceId"] for voice in results["search"]["voices"]] == [voice_id]
    assert (results["search"]["hasMore"], results["search"]["totalCount"]) == (False, 1)
    assert results["voice"]["labels"] == {"accent": "scottish"}
    assert results["settings"]["speed"] == 1.1
    assert [results[name]["status"] for name in ("edited", "editedSettings", "deleted")] == ["ok"] * 3


def test_models_user_subscription_and_token(results: dict[str, Any]) -> None:
    assert "eleven_multilingual_v2" in [model["modelId"] for model in results["models"]]
    assert results["user"]["subscription"]["status"] == "active"
    assert results["subscription"]["hasOpenInvoices"] is False
    assert results["token"]["token"]
    assert results["defaultSettings"]["speed"] == 1.0


def test_errors_are_what_the_sdk_promises(results: dict[str, Any]) -> None:
    unknown, wrong = results["unknownVoice"], results["wrongBody"]
    assert (unknown["status"], unknown["body"]["detail"]["status"]) == (404, "voice_not_found")
    assert (wrong["name"], wrong["status"]) == ("UnprocessableEntityError", 422)


# OpenAI's


@pytest.fixture(scope="module")
def openais(sdk: Path, server: LiveServer) -> dict[str, Any]:
    """What each of the calls in openai.mjs gave."""
    run = subprocess.run(["node", "openai.mjs", server.base_url], cwd=sdk, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def seconds_of(audio: bytes) -> float:
    with av.open(io.BytesIO(audio), "r") as container:
        return sum((frame.samples / frame.sample_rate for frame in container.decode(audio=0)), start=0.0)


def test_openais_sdk_lists_models_and_finds_one(openais: dict[str, Any]) -> None:
    assert {"tts-1", "gpt-4o-mini-tts"} < {model["id"] for model in openais["models"]}
    assert openais["model"] in openais["models"]
    assert openais["slash"] == openais["model"]
    assert (openais["unknownModel"]["name"], openais["unknownModel"]["code"]) == ("NotFoundError", "model_not_found")


def test_openais_sdk_speaks(openais: dict[str, Any]) -> None:
    samples, rate = soundfile.read(io.BytesIO(b64decode(openais["wav"])))
    assert 3.0 < len(samples) / rate < 8.0
    events = [json.loads(line.removeprefix("data: ")) for line in openais["events"].splitlines() if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    unknown = openais["unknownVoice"]
    assert (unknown["name"], unknown["status"], unknown["code"]) == ("NotFoundError", 404, "voice_not_found")


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_the_ai_sdk_speaks_as_openai(openais: dict[str, Any], name: str) -> None:
    spoken = openais["openai"][name]
    audio = b64decode(spoken["base64"])
    assert spoken["mediaType"].startswith("audio/")
    assert spoken["warnings"] == []
    assert 2.5 < (len(audio) / 48_000 if name == "pcm" else seconds_of(audio)) < 8.0


@pytest.mark.parametrize("name", ["mp3", "pcm_16000", "wav_44100"])
def test_the_ai_sdk_speaks_as_elevenlabs(openais: dict[str, Any], name: str) -> None:
    spoken = openais["elevenlabs"][name]
    audio = b64decode(spoken["base64"])
    assert spoken["mediaType"].startswith("audio/")
    assert 3.0 < (len(audio) / 32_000 if name == "pcm_16000" else seconds_of(audio)) < 8.0
