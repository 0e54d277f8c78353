"""Keys over HTTP: what the SDKs raise, on a server that needs keys."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import receive_all
from tests.live.keys import make_keys, wait_for_usage
from tests.pure.voices.recordings import recording

TEXT = "Hello there."
MakeKey = Callable[..., str]
Connect = Callable[[str], ElevenLabs]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    access = {"require_keys": True}
    with LiveServer(write_settings(tmp_path_factory.mktemp("locked"), access=access)) as live:
        yield live


@pytest.fixture(scope="module")
def make_key(locked: LiveServer) -> MakeKey:
    def make(*voices: str, name: str = "test", **fields: Any) -> str:
        return make_keys(locked, **{name: {"voices": voices, **fields}})[name]

    return make


@pytest.fixture(scope="module")
def free_key(make_key: MakeKey) -> str:
    """One that may do anything."""
    return make_key(may_manage_voices=True)


@pytest.fixture
def with_key(locked: LiveServer) -> Iterator[Connect]:
    with httpx.Client(timeout=60) as connections:
        yield lambda key: ElevenLabs(base_url=locked.base_url, api_key=key, httpx_client=connections)


def refusal(client: ElevenLabs, voice_id: str = "demo", text: str = TEXT) -> tuple[int | None, str]:
    with pytest.raises(ApiError) as caught:
        list(
            client.text_to_speech.convert(
                voice_id, text=text, output_format="pcm_16000", request_options={"max_retries": 0}
            )
        )
    return caught.value.status_code, caught.value.body["detail"]["status"]


def speak(client: ElevenLabs, voice_id: str = "demo", text: str = TEXT) -> bytes:
    return b"".join(client.text_to_speech.convert(voice_id, text=text, output_format="pcm_16000"))


def test_a_key_opens(with_key: Connect, free_key: str) -> None:
    assert len(speak(with_key(free_key))) > 16_000


@pytest.mark.parametrize("key", ["wrong", "", "x" * 500])
def test_a_bad_key_raises(with_key: Connect, key: str) -> None:
    status, code = refusal(with_key(key))
    assert (status, code) == (401, "invalid_api_key" if key else "needs_authorization")


@pytest.mark.parametrize("path", ["/v1/voices", "/v2/voices", "/v1/models", "/v1/user", "/v1/user/subscription"])
def test_nothing_of_the_api_is_open(locked: LiveServer, path: str) -> None:
    answer = httpx.get(f"{locked.base_url}{path}")
    assert (answer.status_code, answer.json()["detail"]["status"]) == (401, "needs_authorization")


def test_openais_client_without_a_valid_key_is_told_so_by_every_list(locked: LiveServer) -> None:
    with openai.OpenAI(base_url=f"{locked.base_url}/v1", api_key="wrong", max_retries=0) as client:
        for ask in (client.models.list, lambda: client.models.retrieve("tts-1")):
            with pytest.raises(openai.AuthenticationError) as caught:
                ask()
            assert caught.value.code == "invalid_api_key"


def test_openais_names_speak_with_voices_that_the_key_may_use(locked: LiveServer, make_key: MakeKey) -> None:
    one_voice, another = make_key("demo", name="demo alone"), make_key("mira", name="mira alone")
    lists = {}
    for name, key in (("demo", one_voice), ("mira", another)):
        answer = httpx.get(f"{locked.base_url}/v1/audio/voices", headers={"Authorization": f"Bearer {key}"})
        lists[name] = [voice["id"] for voice in answer.json()["voices"]]
    assert lists == {"demo": ["demo"], "mira": ["mira"]}
    with openai.OpenAI(base_url=f"{locked.base_url}/v1", api_key=one_voice, max_retries=0) as client:
        assert client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT).content
    with openai.OpenAI(base_url=f"{locked.base_url}/v1", api_key=another, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
        assert caught.value.code == "voice_not_found"


def test_openais_client_brings_its_key_as_a_bearer(locked: LiveServer, free_key: str) -> None:
    with openai.OpenAI(base_url=f"{locked.base_url}/v1", api_key=free_key, max_retries=0) as client:
        assert client.audio.speech.create(model="tts-1", voice="demo", input=TEXT).content
    with openai.OpenAI(base_url=f"{locked.base_url}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.audio.speech.create(model="tts-1", voice="demo", input=TEXT)
        assert caught.value.code == "invalid_api_key"


def test_a_month_is_spent_and_what_would_exceed_it_is_not_begun(with_key: Connect, make_key: MakeKey) -> None:
    client = with_key(make_key(max_characters_per_month=len(TEXT) + 3))
    assert refusal(client, text="This is more than there is.") == (401, "quota_exceeded")
    assert len(speak(client)) > 16_000
    assert refusal(client) == (401, "quota_exceeded")
    subscription = client.user.subscription.get()
    assert (subscription.character_count, subscription.character_limit) == (len(TEXT), len(TEXT) + 3)


def test_a_voice_that_is_not_the_keys(with_key: Connect, make_key: MakeKey, free_key: str) -> None:
    other = with_key(free_key).voices.ivc.create(name="Other", files=[recording()]).voice_id
    client = with_key(make_key("demo"))
    assert refusal(client, other) == refusal(client, "no-such-voice") == (404, "voice_not_found")
    assert [voice.voice_id for voice in client.voices.get_all().voices] == ["demo"]
    assert client.voices.search(page_size=1).total_count == 1
    with pytest.raises(ApiError) as caught:
        client.voices.get(other)
    assert caught.value.status_code == 404


def test_a_key_that_may_not_manage_voices(with_key: Connect, make_key: MakeKey) -> None:
    client = with_key(make_key())
    attempts: tuple[Callable[[], object], ...] = (
        lambda: client.voices.ivc.create(name="Mine", files=[recording()]),
        lambda: client.voices.update("demo", name="Mine"),
        lambda: client.voices.delete("demo"),
    )
    for attempt in attempts:
        with pytest.raises(ApiError) as caught:
            attempt()
        assert (caught.value.status_code, caught.value.body["detail"]["status"]) == (403, "missing_permissions")


def test_a_key_may_use_the_voice_that_it_has_added(with_key: Connect, make_key: MakeKey) -> None:
    client = with_key(make_key("demo", may_manage_voices=True))
    added = client.voices.ivc.create(name="Mine", files=[recording()]).voice_id
    assert len(speak(client, added)) > 16_000
    client.voices.delete(added)


def test_streams_at_once(locked: LiveServer, with_key: Connect, make_key: MakeKey) -> None:
    key = make_key(max_concurrent_streams=1)
    stream = with_key(key).text_to_speech.stream("demo", text=f"{TEXT} " * 200, output_format="pcm_48000")
    next(stream)
    answer = httpx.post(
        f"{locked.base_url}/v1/text-to-speech/demo", headers={"xi-api-key": key}, json={"text": TEXT}, timeout=60
    )
    assert (answer.status_code, answer.json()["detail"]["status"]) == (429, "too_many_concurrent_requests")
    assert int(answer.headers["retry-after"]) >= 1
    stream.close()  # type: ignore[attr-defined]


def test_requests_per_second(with_key: Connect, make_key: MakeKey) -> None:
    client = with_key(make_key(max_requests_per_second=0.02))
    speak(client)
    assert refusal(client) == (429, "rate_limit_exceeded")


def test_requests_per_second_count_whatever_is_asked_for(locked: LiveServer, make_key: MakeKey) -> None:
    headers = {"xi-api-key": make_key(max_requests_per_second=0.1)}
    first, second = [httpx.get(f"{locked.base_url}/v1/voices", headers=headers) for _ in range(2)]
    assert first.status_code == 200
    assert (second.status_code, second.json()["detail"]["status"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(second.headers["retry-after"]) <= 10


def test_usage_is_written_down(locked: LiveServer, with_key: Connect, make_key: MakeKey) -> None:
    seconds = len(speak(with_key(make_key(name="counted")))) / 32_000
    # The characters are counted at once, the seconds when they have been spoken.
    row = wait_for_usage(locked, "counted", lambda *row: row[2] > 0)
    assert row == ("demo", len(TEXT), pytest.approx(seconds, abs=0.01), 1, 0)


def test_who_leaves_pays_for_what_was_begun(locked: LiveServer, with_key: Connect, make_key: MakeKey) -> None:
    text, key = f"{TEXT} " * 2000, make_key(name="leaver", max_characters_per_month=100_000)
    stream = with_key(key).text_to_speech.stream("demo", text=text, output_format="pcm_48000")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    # All of it is charged before it begins; what was not begun is given back.
    _, characters, *_ = wait_for_usage(locked, "leaver", lambda _, characters, *__: characters < len(text))
    assert characters > 0


async def test_a_single_use_token_stands_in_for_a_key_once(
    locked: LiveServer, with_key: Connect, free_key: str
) -> None:
    token = with_key(free_key).tokens.single_use.create("tts_websocket").token
    url = locked.url(query=f"?single_use_token={token}&output_format=pcm_16000")
    async with connect(url) as socket:
        await socket.send(json.dumps({"text": f"{TEXT} "}))
        await socket.send(json.dumps({"text": ""}))
        assert (await receive_all(socket)).pcm.size > 8_000
    async with connect(url) as socket:
        refused = await receive_all(socket)
    assert refused.error
    assert refused.error["error"] == "invalid_api_key"


def test_a_token_for_something_else(locked: LiveServer, free_key: str) -> None:
    answer = httpx.post(f"{locked.base_url}/v1/single-use-token/realtime_scribe", headers={"xi-api-key": free_key})
    assert answer.status_code == 422


def test_no_key_is_in_the_log(locked: LiveServer, with_key: Connect, free_key: str) -> None:
    assert speak(with_key(free_key))
    assert free_key not in locked.log
    assert "Traceback" not in locked.log
