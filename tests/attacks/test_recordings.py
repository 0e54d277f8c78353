"""Recordings that were made to harm whoever decodes them, sent to a live server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks.deadly_decoder import DEADLY, script
from tests.pure.voices.muxing import muxed
from tests.pure.voices.recordings import encoded, recording, speech
from voices.clips import DAMAGED, NOT_AUDIO

pytestmark = pytest.mark.both_servers


@pytest.fixture(scope="module")
def deadly(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("deadly")
    command = ("-m", "tests.attacks.deadly_decoder", str(script(folder)))
    with LiveServer(write_settings(folder, voices={"max_clip_seconds": 10}), command) as live:
        yield live
        assert "Traceback" not in live.log


def add(server: LiveServer, content: bytes) -> httpx.Response:
    return httpx.post(
        f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files={"files": ("a.wav", content)}, timeout=120
    )


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["detail"]["message"]).removeprefix("a.wav: ")


def is_well(server: LiveServer) -> bool:
    """It takes an ordinary recording, in the same process as before, and speaks."""
    good = add(server, recording())
    speech = httpx.post(f"{server.base_url}/v1/text-to-speech/demo", json={"text": "Hello."}, timeout=120)
    return server.process.poll() is None and good.status_code == 200 and speech.status_code == 200


def without_length(flac: bytes) -> bytes:
    """As if it had been written to a pipe. (STREAMINFO: the last 4 bits of byte 21 and bytes 22-25 count the samples.)"""
    return flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]


def silence(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.zeros(int(seconds * 48_000))


def test_a_decoder_that_dies_ends_no_server(deadly: LiveServer) -> None:
    assert refusal(add(deadly, recording() + DEADLY)) == DAMAGED
    assert is_well(deadly)
    assert "The decoder of a recording has ended with status -11" in deadly.log


def test_a_small_file_of_much_silence_is_not_decoded_to_its_end(deadly: LiveServer) -> None:
    bomb = encoded(silence(600), rate=48_000, container="FLAC")
    assert len(bomb) < 2**20
    for content in (bomb, without_length(bomb)):
        assert refusal(add(deadly, content)).endswith("at most 10 s are allowed.")
    assert is_well(deadly)


def test_a_long_row_of_frames_is_not_decoded_to_its_end(deadly: LiveServer) -> None:
    mp3 = encoded(speech(2.0), container="MP3", subtype="MPEG_LAYER_III")
    # Without the first frame, which would say how many follow.
    frames = mp3[mp3.index(mp3[:2], 2) :] * 400
    assert refusal(add(deadly, frames)).endswith("at most 10 s are allowed.")
    assert is_well(deadly)


@pytest.mark.parametrize("frame", [b"\x7c", b"\x4c", b"\x44" + bytes(5)], ids=["no data", "unknown", "comfort noise"])
def test_millions_of_frames_without_sound_are_not_gone_over(deadly: LiveServer, frame: bytes) -> None:
    """AMR has a frame of one byte for 20 ms in which nothing was sent: this file says that it is longer than two days."""
    assert refusal(add(deadly, b"#!AMR\n" + (frame * 10_000_000)[:10_000_000])) == DAMAGED
    assert is_well(deadly)


@pytest.mark.parametrize("kind", ["AU", "SVX", "MAT5", "VOC"])
def test_a_rare_container_under_another_name_meets_no_decoder(deadly: LiveServer, kind: str) -> None:
    assert refusal(add(deadly, encoded(speech(2.0), container=kind) + DEADLY)) == NOT_AUDIO


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "ac3"), ("matroska", "ac3"), ("mpegts", "aac"), ("avi", "pcm_s16le")]
)
def test_a_rare_codec_or_container_is_not_decoded(deadly: LiveServer, container: str, codec: str) -> None:
    content = muxed(container, codec, speech(2.0, rate=44_100, channels=2), rate=44_100)
    answer = refusal(add(deadly, content))
    assert answer == NOT_AUDIO or answer.startswith(
        f"The sound in this file is stored as {codec}, which cannot be read"
    )


def test_the_server_itself_decodes_nothing(deadly: LiveServer) -> None:
    assert is_well(deadly)
    loaded = Path(f"/proc/{deadly.process.pid}/maps").read_text()
    assert "libsndfile" not in loaded


def test_a_recording_that_takes_too_long_is_refused_with_the_settings(tmp_path: Path, server_program: str) -> None:
    with LiveServer(write_settings(tmp_path, voices={"max_decode_seconds": 0.001})) as live:
        assert "voices.max_decode_seconds" in refusal(add(live, recording()))
        assert live.readiness()["ready"]
