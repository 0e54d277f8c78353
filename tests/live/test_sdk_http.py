"""ElevenLabs' own Python client, unmodified, over HTTP against a live server."""

import asyncio
import io
from base64 import b64decode
from collections.abc import Iterator

import av
import httpx
import numpy as np
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.request_options import RequestOptions
from elevenlabs.errors import UnprocessableEntityError

from benchmarks.live_server import LiveServer, write_settings
from tests.pure.voices.recordings import recording

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."
AT_ONCE: RequestOptions = {"max_retries": 0}


@pytest.fixture(scope="module")
def sdk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(write_settings(tmp_path_factory.mktemp("sdk"))) as live:
        yield live


@pytest.fixture
def client(sdk_server: LiveServer) -> Iterator[ElevenLabs]:
    """The client does not close the connections of its own HTTP client."""
    with httpx.Client(timeout=240) as connections:
        yield ElevenLabs(base_url=sdk_server.base_url, api_key="no keys are needed here", httpx_client=connections)


def seconds_of(audio: bytes) -> float:
    """Decodes all of it."""
    with av.open(io.BytesIO(audio), "r") as container:
        return sum((frame.samples / frame.sample_rate for frame in container.decode(audio=0)), start=0.0)


def test_convert_gives_mp3_when_nothing_is_said(client: ElevenLabs) -> None:
    audio = b"".join(client.text_to_speech.convert("demo", text=TEXT))
    assert audio[0] == 0xFF  # an MP3 frame, no tag
    assert 3.0 < seconds_of(audio) < 8.0


def test_stream_gives_what_convert_gives(client: ElevenLabs) -> None:
    options = {"text": TEXT, "output_format": "pcm_24000", "seed": 5}
    streamed = list(client.text_to_speech.stream("demo", **options))  # type: ignore[arg-type]
    assert len(streamed) > 1
    assert b"".join(streamed) == b"".join(client.text_to_speech.convert("demo", **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["opus_48000_64", "mp3_22050_32", "mp3_44100_192"])
def test_formats_that_are_compressed(client: ElevenLabs, name: str) -> None:
    audio = b"".join(client.text_to_speech.stream("demo", text=TEXT, output_format=name))
    assert 3.0 < seconds_of(audio) < 8.0


def test_ulaw_is_a_byte_for_each_sample(client: ElevenLabs) -> None:
    audio = b"".join(client.text_to_speech.convert("demo", text=TEXT, output_format="ulaw_8000"))
    assert 3.0 < len(audio) / 8000 < 8.0


def test_convert_with_timestamps_has_a_time_for_every_character(client: ElevenLabs) -> None:
    answer = client.text_to_speech.convert_with_timestamps("demo", text=TEXT, output_format="pcm_16000")
    samples = len(b64decode(answer.audio_base_64)) // 2
    assert answer.alignment
    assert "".join(answer.alignment.characters) == TEXT
    assert answer.alignment.character_end_times_seconds[-1] == pytest.approx(samples / 16_000, abs=0.01)
    assert answer.normalized_alignment == answer.alignment


def test_stream_with_timestamps_has_them_in_parts(client: ElevenLabs) -> None:
    chunks = list(client.text_to_speech.stream_with_timestamps("demo", text=TEXT, output_format="pcm_16000"))
    assert len(chunks) > 10
    samples = np.frombuffer(b"".join(b64decode(chunk.audio_base_64) for chunk in chunks), dtype="<i2")
    assert 3.0 < len(samples) / 16_000 < 8.0
    characters = [char for chunk in chunks if chunk.alignment for char in chunk.alignment.characters]
    assert "".join(characters) == TEXT
    starts = [time for chunk in chunks if chunk.alignment for time in chunk.alignment.character_start_times_seconds]
    assert starts == sorted(starts)


def test_voice_settings_reach_the_voice(client: ElevenLabs) -> None:
    def length(speed: float) -> int:
        settings = VoiceSettings(stability=0.5, similarity_boost=0.75, use_speaker_boost=True, speed=speed)
        options = {"text": TEXT, "output_format": "pcm_16000", "voice_settings": settings, "seed": 1}
        return len(b"".join(client.text_to_speech.convert("demo", **options)))  # type: ignore[arg-type]

    assert length(0.7) > 1.3 * length(1.2)


def test_several_at_once_with_the_asynchronous_client(sdk_server: LiveServer) -> None:
    async def speak(client: AsyncElevenLabs, text: str) -> int:
        stream = client.text_to_speech.stream("demo", text=text, output_format="pcm_16000")
        return sum([len(chunk) async for chunk in stream])

    async def all_of_them() -> list[int]:
        async with httpx.AsyncClient(timeout=240) as connections:
            client = AsyncElevenLabs(base_url=sdk_server.base_url, api_key="none", httpx_client=connections)
            return await asyncio.gather(*(speak(client, f"This is number {number}.") for number in range(5)))

    assert all(size > 16_000 for size in asyncio.run(all_of_them()))


def test_the_life_of_a_voice(client: ElevenLabs) -> None:
    files = [("anna.wav", recording()), ("anna2.wav", recording(pitch=200))]
    added = client.voices.ivc.create(name="Anna", files=files, description="Calm", labels={"accent": "scottish"})
    assert added.requires_verification is False
    voice = client.voices.get(added.voice_id)
    assert (voice.name, voice.description, voice.category) == ("Anna", "Calm", "cloned")
    assert voice.labels == {"accent": "scottish"}
    assert voice.samples
    assert [sample.file_name for sample in voice.samples] == ["anna.wav", "anna2.wav"]

    audio = b"".join(client.text_to_speech.convert(added.voice_id, text="Hello there.", output_format="pcm_16000"))
    assert len(audio) > 16_000

    assert client.voices.update(added.voice_id, name="Anne").status == "ok"
    client.voices.settings.update(added.voice_id, request=VoiceSettings(speed=1.1))
    assert client.voices.get(added.voice_id).name == "Anne"
    assert client.voices.settings.get(added.voice_id).speed == 1.1

    assert client.voices.delete(added.voice_id).status == "ok"
    with pytest.raises(ApiError) as caught:
        client.voices.get(added.voice_id)
    assert caught.value.status_code == 404


def test_a_voice_without_labels_can_be_added(client: ElevenLabs) -> None:
    """The client sends the word null for them."""
    added = client.voices.ivc.create(name="Plain", files=[recording()])
    assert client.voices.get(added.voice_id).labels == {}
    client.voices.delete(added.voice_id)


def test_voices_are_listed_and_searched(client: ElevenLabs) -> None:
    added = [client.voices.ivc.create(name=f"Searched {n}", files=[recording()]).voice_id for n in range(3)]
    assert {*added, "demo"} <= {voice.voice_id for voice in client.voices.get_all().voices}
    first = client.voices.search(search="searched", page_size=2, sort="name", sort_direction="desc")
    assert [voice.name for voice in first.voices] == ["Searched 2", "Searched 1"]
    assert (first.has_more, first.total_count) == (True, 3)
    second = client.voices.search(
        search="searched", page_size=2, sort="name", sort_direction="desc", next_page_token=first.next_page_token
    )
    assert [voice.name for voice in second.voices] == ["Searched 0"]
    assert second.has_more is False
    for voice_id in added:
        client.voices.delete(voice_id)


def test_default_settings(client: ElevenLabs) -> None:
    assert client.voices.settings.get_default().speed == 1.0


def test_models_speak(client: ElevenLabs) -> None:
    models = client.models.list()
    assert all(model.can_do_text_to_speech for model in models)
    assert "eleven_multilingual_v2" in [model.model_id for model in models]
    languages = {language.language_id: language.name for language in models[0].languages or []}
    assert next(iter(languages)) == "en"
    assert (languages["en"], languages["ru"], languages["zh"]) == ("English", "Russian", "Chinese")
    assert not [model for model in models if model.model_id.startswith(("eleven_v3", "eleven_v4"))]


def test_the_user_and_the_subscription_have_every_field_that_the_client_types(client: ElevenLabs) -> None:
    user, subscription = client.user.get(), client.user.subscription.get()
    for answer in (user, subscription, user.subscription):
        for name, field in type(answer).model_fields.items():
            assert not field.is_required() or getattr(answer, name) is not None, name
    assert subscription.status == "active"


def test_an_unknown_voice_raises_what_the_server_says(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as caught:
        list(client.text_to_speech.convert("nobody", text=TEXT))
    assert caught.value.status_code == 404
    assert caught.value.body["detail"]["status"] == "voice_not_found"


def test_a_wrong_body_raises_what_the_client_promises(client: ElevenLabs) -> None:
    with pytest.raises(UnprocessableEntityError) as caught:
        list(client.text_to_speech.convert("demo", text=TEXT, seed=-1))
    assert caught.value.body["detail"][0]["loc"] == ["body", "seed"]


def test_recordings_that_are_none_raise_what_the_server_says(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as caught:
        client.voices.ivc.create(name="Noise", files=[("noise.wav", b"no sound")], request_options=AT_ONCE)
    assert caught.value.status_code == 400
    assert "noise.wav" in caught.value.body["detail"]["message"]
