"""Voices of the server that the tests here share."""

import httpx

from benchmarks.live_server import LiveServer, manage
from tests.pure.voices.recordings import recording

FIND = "from voices.models import Voice; print(Voice.objects.get(voice_id='{}').pk)"


def anna(server: LiveServer) -> int:
    """The primary key of a new voice with a recording of two seconds."""
    files = {"files": ("recording.wav", recording(), "audio/wav")}
    answer = httpx.post(f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, timeout=60)
    found = manage(server.settings_file, "shell", "-v", "0", "-c", FIND.format(answer.json()["voice_id"]))
    assert found.returncode == 0, found.stderr
    return int(found.stdout)
