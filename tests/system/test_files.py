"""What is saved of a response, in programs that do not share a library with this server."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import LiveServer
from tests.system.browser import Browser, program

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."
DECODE = """fetch("/v1/audio/speech", {method: "POST", body: JSON.stringify(%s)})
    .then(answer => answer.arrayBuffer())
    .then(file => new AudioContext({sampleRate: 24000}).decodeAudioData(file))
    .then(audio => audio.duration)"""


def body(response_format: str, text: str = TEXT) -> dict[str, str]:
    return {"model": "tts-1", "voice": "demo", "input": text, "response_format": response_format}


@pytest.mark.parametrize("response_format", ["wav", "flac"])
def test_sox_reads_a_saved_file_without_a_warning(
    admin_server: LiveServer, tmp_path: Path, response_format: str
) -> None:
    file = tmp_path / f"speech.{response_format}"
    answer = httpx.post(f"{admin_server.base_url}/v1/audio/speech", json=body(response_format), timeout=60)
    file.write_bytes(answer.content)
    sox = subprocess.run([program("sox"), file, "-t", "raw", "-"], capture_output=True, check=False)
    assert (sox.returncode, sox.stderr) == (0, b"")
    assert 3.0 < len(sox.stdout) / 48_000 < 8.0


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_a_browser_decodes_a_response(browser: Browser, admin_server: LiveServer, response_format: str) -> None:
    browser.open(f"{admin_server.base_url}/docs")
    assert 3.0 < browser.evaluate(DECODE % json.dumps(body(response_format))) < 8.0
    assert 0.09 < browser.evaluate(DECODE % json.dumps(body(response_format, " "))) < 0.3
