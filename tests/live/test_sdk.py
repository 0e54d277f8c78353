"""ElevenLabs' own Python client, unmodified, against a live server over TLS."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import trustme
from elevenlabs import ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError

from benchmarks.live_server import LiveServer, write_settings
from streaming.audio.formats import FORMATS
from tests.live.elevenlabs_client import speak
from tests.pure.audio.decoding import decoded

# The client reads attributes that its own websocket library has deprecated.
pytestmark = [
    pytest.mark.both_servers,
    pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning"),
]

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for index, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(folder / "certificate.pem", append=index > 0)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    service = {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}
    with LiveServer(write_settings(folder, service=service)) as live:
        live.wait_until(lambda: "is ready" in live.log)
        yield live


@pytest.fixture
def client(tls_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> ElevenLabs:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server.settings_file.parent / "authority.pem"))
    return ElevenLabs(base_url=tls_server.base_url, api_key="no keys are needed here")


def words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 44_100])
def test_convert_realtime_speaks_and_ends(client: ElevenLabs, rate: int) -> None:
    audio = speak(client, "demo", words(TEXT), output_format=f"pcm_{rate}")
    samples = np.frombuffer(audio, dtype="<i2")
    assert 3.0 < len(samples) / rate < 8.0
    assert np.abs(samples).max() > 3000


def test_voice_settings_reach_the_voice(client: ElevenLabs) -> None:
    def seconds(speed: float) -> float:
        settings = VoiceSettings(stability=0.5, similarity_boost=0.75, use_speaker_boost=True, speed=speed)
        options = {"voice_settings": settings, "model_id": "eleven_turbo_v2_5"}
        return len(speak(client, "demo", words(TEXT), output_format="pcm_16000", **options)) / 32_000

    assert seconds(0.5) > 1.5 * seconds(2.0)


def test_an_unknown_voice_raises_what_the_server_says(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as caught:
        speak(client, "nobody", words(TEXT), output_format="pcm_16000")
    assert caught.value.status_code == 1008
    assert "nobody" in str(caught.value.body)


@pytest.mark.parametrize("name", ["mp3_44100_128", "mp3_22050_32", "opus_48000_64", "ulaw_8000"])
def test_convert_realtime_gets_every_kind_of_format(client: ElevenLabs, name: str) -> None:
    stream = speak(client, "demo", words(TEXT), output_format=name)
    heard = decoded(stream, FORMATS[name])
    assert 3.0 < len(heard) / FORMATS[name].sample_rate < 8.0
    assert np.abs(heard).max() > 0.1


def test_without_a_format_the_client_asks_for_mp3(client: ElevenLabs) -> None:
    stream = speak(client, "demo", words(TEXT))
    assert len(decoded(stream, FORMATS["mp3_44100_128"])) / 44_100 > 3.0


def test_a_format_that_nobody_knows_is_refused_by_name(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as caught:
        speak(client, "demo", words(TEXT), output_format="mp3_1_1")
    assert "mp3_1_1" in str(caught.value.body)


def test_text_as_it_comes_from_a_language_model(client: ElevenLabs) -> None:
    tokens = ["Hel", "lo ", "there", ", ", "how ", "are ", "you", "?"]
    audio = speak(client, "demo", tokens, output_format="pcm_16000")
    assert 0.8 < len(audio) / 32_000 < 4.0
