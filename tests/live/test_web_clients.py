"""The requests of Open WebUI, SillyTavern and Home Assistant, which cannot be installed beside this server: each as it goes
over the wire, in its order, and read as the client reads it.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from elevenlabs import AsyncElevenLabs

from benchmarks.live_server import LiveServer
from streaming.audio.formats import HTTP_FORMATS
from tests.pure.audio.decoding import decoded

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."
MP3_44100, MP3_24000 = HTTP_FORMATS["mp3_44100_128"], HTTP_FORMATS["mp3_24000_48"]
# What SillyTavern puts between the pieces of a message for ElevenLabs.
SEPARATOR = " ... ... ... "


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


def get(http: httpx.Client, path: str, **headers: str) -> Any:
    return http.get(path, headers=headers).raise_for_status().json()


# Open WebUI, as an OpenAI server: its admin types in the address, with a slash at the end or without.


def test_open_webui_lists_models_and_voices_without_a_key(http: httpx.Client) -> None:
    models = get(http, "/v1/audio/models")["models"]
    assert "tts-1" in [model["id"] for model in models]
    voices = {voice["id"]: voice["name"] for voice in get(http, "/v1/audio/voices")["voices"]}
    assert voices["demo"] == "Demo"


def test_open_webui_reads_a_message_aloud(http: httpx.Client) -> None:
    headers = {"Authorization": "Bearer sk-any", "X-OpenWebUI-User-Name": "Ada", "X-OpenWebUI-User-Role": "admin"}
    body = {"input": TEXT, "voice": "alloy", "model": "tts-1"}
    answer = http.post("/v1/audio/speech", json=body, headers=headers).raise_for_status()
    assert answer.headers["content-type"] == "audio/mpeg"
    assert 3.0 < len(decoded(answer.content, MP3_24000)) / 24_000 < 8.0


def test_open_webui_shows_the_message_of_an_error(http: httpx.Client) -> None:
    answer = http.post("/v1/audio/speech", json={"input": TEXT, "voice": "nobody", "model": "tts-1"})
    assert answer.status_code == 404
    assert "nobody" in answer.json()["error"]["message"]


# Open WebUI, as ElevenLabs


def test_open_webui_speaks_as_elevenlabs(http: httpx.Client) -> None:
    key = {"xi-api-key": "any", "Content-Type": "application/json"}
    models = [{"name": model["name"], "id": model["model_id"]} for model in get(http, "/v1/models", **key)]
    assert "eleven_multilingual_v2" in [model["id"] for model in models]
    assert "demo" in {voice["voice_id"]: voice["name"] for voice in get(http, "/v1/voices", **key)["voices"]}
    body = {
        "text": TEXT,
        "model_id": "eleven_multilingual_v2",
        "voice_settings": {"stability": 0.5, "similarity_boost": 0.5},
    }
    answer = http.post("/v1/text-to-speech/demo", json=body, headers=key | {"Accept": "audio/mpeg"}).raise_for_status()
    assert 3.0 < len(decoded(answer.content, MP3_44100)) / 44_100 < 8.0


# SillyTavern, as ElevenLabs: before each line it looks whether that has been spoken already.


def test_sillytavern_finds_no_line_in_the_history_and_has_it_spoken(http: httpx.Client) -> None:
    key = {"xi-api-key": "any"}
    voices = {voice["name"]: voice["voice_id"] for voice in get(http, "/v1/voices", **key)["voices"]}
    assert get(http, "/v1/voices/settings/default", **key)["stability"] == 0.5
    history = get(http, "/v1/history", **key)
    assert [item for item in history["history"] if item["text"] == TEXT] == []
    assert history["has_more"] is False
    body = {
        "model_id": "eleven_turbo_v2_5",
        "text": f"Hello there.{SEPARATOR}Goodbye.",
        "voice_settings": {
            "stability": 0.75,
            "similarity_boost": 0.75,
            "speed": 1,
            "style": 0,
            "use_speaker_boost": True,
        },
    }
    answer = http.post(f"/v1/text-to-speech/{voices['Demo']}", json=body, headers=key).raise_for_status()
    assert 1.0 < len(decoded(answer.content, MP3_44100)) / 44_100 < 8.0


def test_sillytavern_asks_for_the_history_with_filters(http: httpx.Client) -> None:
    answer = http.get("/v1/history", params={"page_size": 100, "voice_id": "demo", "start_after_history_item_id": "x"})
    assert answer.json() == {"history": [], "last_history_item_id": None, "has_more": False}


# SillyTavern, as OpenAI: its own proxy sends the word Bearer without a key where none is set. TTS WebUI lists voices.


@pytest.mark.parametrize("key", ["", "sk-any"])
def test_sillytavern_speaks_as_openai(http: httpx.Client, key: str) -> None:
    body = {"input": TEXT, "response_format": "mp3", "voice": "shimmer", "speed": 1, "model": "tts-1"}
    answer = http.post(
        "/v1/audio/speech", json=body, headers={"Authorization": f"Bearer {key}".strip()}
    ).raise_for_status()
    assert 3.0 < len(decoded(answer.content, MP3_24000)) / 24_000 < 8.0


@pytest.mark.parametrize("model", ["tts-1", "hexgrad/Kokoro-82M"])
def test_sillytavern_lists_the_voices_of_a_model(http: httpx.Client, model: str) -> None:
    voices = {voice["value"]: voice["label"] for voice in get(http, f"/v1/audio/voices/{model}")["voices"]}
    assert voices["demo"] == "Demo"


# Home Assistant uses the SDKs.


async def test_home_assistant_sets_up_elevenlabs_and_speaks(server: LiveServer) -> None:
    async with httpx.AsyncClient(timeout=60) as connections:
        client = AsyncElevenLabs(base_url=server.base_url, api_key="any", httpx_client=connections)
        voices = {voice.voice_id: voice.name for voice in (await client.voices.get_all()).voices if voice.name}
        models = [model for model in await client.models.list() if model.name and model.can_do_text_to_speech]
        model = next(model for model in models if model.model_id == "eleven_multilingual_v2")
        assert voices["demo"] == "Demo"
        # The first one is its default.
        assert next(language.language_id for language in model.languages or []) == "en"
        parts = [
            part
            async for part in client.text_to_speech.convert(
                voice_id="demo", text=TEXT, model_id=model.model_id, output_format="mp3_44100_128"
            )
        ]
        assert 3.0 < len(decoded(b"".join(parts), MP3_44100)) / 44_100 < 8.0
        assert (await client.user.subscription.get()).character_limit > 0


async def test_home_assistant_sets_up_openai_and_speaks(server: LiveServer) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="any", max_retries=0) as client:
        assert [model.id async for model in client.with_options(timeout=10.0).models.list()]
        create = client.audio.speech.with_streaming_response.create
        async with create(
            model="gpt-4o-mini-tts",
            voice="marin",
            input=TEXT,
            instructions="None",
            speed=1.0,
            response_format="opus",
        ) as answer:
            assert (await answer.read())[:4] == b"OggS"
