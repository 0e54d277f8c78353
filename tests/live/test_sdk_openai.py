"""OpenAI's own Python client, unmodified, against a live server."""

import io
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import openai
import pytest
import soundfile

from benchmarks.live_server import LiveServer

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."


@pytest.fixture
def client(server: LiveServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="not needed here", max_retries=0) as client:
        yield client


def decoded(audio: bytes) -> tuple[str, float]:
    """The container's name and the seconds in it."""
    with av.open(io.BytesIO(audio), "r") as container:
        seconds = sum((frame.samples / frame.sample_rate for frame in container.decode(audio=0)), start=0.0)
        return container.format.name, seconds


@pytest.mark.parametrize(
    ("response_format", "container"),
    [("mp3", "mp3"), ("opus", "ogg"), ("aac", "aac"), ("flac", "flac"), ("wav", "wav")],
)
def test_every_format_can_be_played(client: openai.OpenAI, response_format: str, container: str) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="demo", input=TEXT, response_format=response_format)  # type: ignore[arg-type]
    name, seconds = decoded(answer.content)
    assert name == container
    assert 3.0 < seconds < 8.0


@pytest.mark.parametrize("response_format", ["flac", "wav"])
def test_a_saved_file_is_read_by_libsndfile(client: openai.OpenAI, tmp_path: Path, response_format: str) -> None:
    options = {"model": "tts-1", "voice": "demo", "input": TEXT, "response_format": response_format}
    client.audio.speech.create(**options).write_to_file(tmp_path / "speech")  # type: ignore[arg-type]
    samples, rate = soundfile.read(tmp_path / "speech")
    assert rate == 24_000
    assert 3.0 < len(samples) / rate < 8.0


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_where_there_is_nothing_to_say_the_file_is_silent(client: openai.OpenAI, response_format: str) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="demo", input=" ", response_format=response_format)  # type: ignore[arg-type]
    assert 0.09 < decoded(answer.content)[1] < 0.3


def test_pcm_is_24_kilohertz_without_a_header(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="demo", input=TEXT, response_format="pcm")
    assert 3.0 < len(answer.content) / 48_000 < 8.0
    assert answer.response.headers["content-type"].startswith("audio/")


def test_a_stream_goes_to_a_file_as_it_comes(client: openai.OpenAI, tmp_path: Path) -> None:
    create = client.audio.speech.with_streaming_response.create
    with create(model="gpt-4o-mini-tts", voice="demo", input=TEXT, instructions="Cheerfully.") as answer:
        answer.stream_to_file(tmp_path / "speech.mp3")
    assert decoded((tmp_path / "speech.mp3").read_bytes())[0] == "mp3"


@pytest.mark.parametrize(("slow", "fast"), [(0.25, 0.5), (0.5, 2.0), (2.0, 4.0)])
def test_speed_is_heard_in_all_of_openais_range(client: openai.OpenAI, slow: float, fast: float) -> None:
    def length(speed: float) -> int:
        options = {"model": "tts-1", "voice": "demo", "input": TEXT, "response_format": "pcm"}
        return len(client.audio.speech.create(**options, speed=speed).content)  # type: ignore[arg-type]

    assert length(slow) > 1.2 * length(fast)


@pytest.mark.parametrize("response_format", ["pcm", "flac"])
def test_events_carry_the_audio(client: openai.OpenAI, response_format: str) -> None:
    create = client.audio.speech.with_streaming_response.create
    options = {"model": "gpt-4o-mini-tts", "voice": "demo", "input": TEXT, "response_format": response_format}
    with create(**options, stream_format="sse") as answer:  # type: ignore[arg-type]
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [event["type"] for event in events] == ["speech.audio.delta"] * (len(events) - 1) + ["speech.audio.done"]
    audio = b"".join(b64decode(event["audio"]) for event in events[:-1])
    assert 3.0 < (len(audio) / 48_000 if response_format == "pcm" else decoded(audio)[1]) < 8.0
    assert max(map(len, lines)) < 65_536  # as much as aiohttp reads of a line
    assert events[-1]["usage"]["input_tokens"] == len(TEXT)


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert {"tts-1", "tts-1-hd", "gpt-4o-mini-tts"} < {model.id for model in models}
    assert client.models.retrieve("tts-1") == next(model for model in models if model.id == "tts-1")
    assert all(type(model.created) is int and model.object == "model" and model.owned_by for model in models)


def test_the_same_path_has_elevenlabs_list_and_caches_are_told(client: openai.OpenAI, server: LiveServer) -> None:
    answer = httpx.get(f"{server.base_url}/v1/models", headers={"xi-api-key": "any"})
    assert "eleven_multilingual_v2" in [model["model_id"] for model in answer.json()]
    vary = client.models.with_raw_response.list().headers["vary"]
    assert vary == answer.headers["vary"] == "Authorization, xi-api-key, User-Agent"


async def test_the_asynchronous_client_lists_them_too(server: LiveServer) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="any", max_retries=0) as client:
        assert "tts-1" in [model.id async for model in client.models.list()]


def test_a_model_that_is_not_in_the_list_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("whisper/1")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "whisper/1" in caught.value.message


@pytest.mark.parametrize("voice", ["alloy", "verse", {"id": "marin"}])
def test_openais_own_voices_speak(client: openai.OpenAI, voice: object) -> None:
    def spoken(voice: object) -> bytes:
        options = {"model": "tts-1", "voice": voice, "input": TEXT, "response_format": "wav"}
        return client.audio.speech.create(**options).content  # type: ignore[arg-type]

    assert len(spoken(voice)) == pytest.approx(len(spoken("demo")), rel=0.3)


def test_the_client_knows_the_id_of_each_request(client: openai.OpenAI) -> None:
    models = client.models.list()
    speech = client.audio.speech.with_raw_response.create(model="tts-1", voice="demo", input="Hello.")
    assert models._request_id != speech.request_id
    assert models._request_id
    assert speech.request_id == speech.headers["request-id"]


def test_an_unknown_voice_raises_what_the_server_says(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    assert (caught.value.code, caught.value.type) == ("voice_not_found", "invalid_request_error")
    assert "nobody" in caught.value.message


@pytest.mark.parametrize(
    ("wrong", "param"),
    [({"speed": "fast"}, "speed"), ({"response_format": "mid"}, "response_format"), ({"input": ""}, "input")],
)
def test_a_wrong_parameter_raises_what_the_client_promises(
    client: openai.OpenAI, wrong: dict[str, object], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(**({"model": "tts-1", "voice": "demo", "input": TEXT} | wrong))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == ("invalid_parameter", param)


@pytest.mark.parametrize("url", ["/v1/audio/nothing", "/v1/audio/speech"])
def test_errors_of_any_kind_are_in_openais_words(server: LiveServer, url: str) -> None:
    answer = httpx.get(f"{server.base_url}{url}")
    assert answer.status_code in (404, 405)
    assert answer.json()["error"]["type"] == "invalid_request_error"
