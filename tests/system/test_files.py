"""What is saved of a response, in programs that do not share a library with this server."""

import subprocess
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import LiveServer
from tests.system.programs import program

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."


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
