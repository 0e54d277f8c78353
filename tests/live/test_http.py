"""ElevenLabs' speech endpoints, asked for as its clients ask, on a real server."""

import asyncio
import io
import json
import os
import re
import signal
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from streaming.audio.formats import HTTP_FORMATS
from streaming.conf import get_config
from streaming.http.request_limits import BodyLimits
from tests.attacks.raw import resident_bytes
from tests.pure.audio.decoding import decoded
from tests.pure.voices.recordings import recording

# What is about the transport; the rest is the same code on both.
on_both_servers = pytest.mark.both_servers

TEXT = "Hello there. The weather is fine today, and the birds are singing in the trees."
LONG = "The weather is fine today, and the birds are singing in the trees. " * 60
PCM = {"output_format": "pcm_16000"}


@pytest.fixture
async def client(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60) as client:
        yield client


def path(end: str = "", voice_id: str = "demo") -> str:
    return f"/v1/text-to-speech/{voice_id}{end}"


async def speak(client: httpx.AsyncClient, end: str = "", text: str = TEXT, **body: Any) -> httpx.Response:
    return await client.post(path(end), params=PCM, json={"text": text, "seed": 7, **body})


@on_both_servers
@pytest.mark.parametrize("end", ["", "/stream"])
async def test_the_audio_comes_as_bytes(client: httpx.AsyncClient, end: str) -> None:
    answer = await speak(client, end)
    samples = np.frombuffer(answer.content, dtype="<i2")
    assert answer.status_code == 200
    assert 3.0 < len(samples) / 16_000 < 8.0
    assert np.abs(samples).max() > 3000


async def test_livekit_wants_a_content_type_that_begins_with_audio(client: httpx.AsyncClient) -> None:
    assert (await speak(client, "/stream")).headers["content-type"].startswith("audio/")


async def test_the_answer_says_what_it_cost_and_which_request_it_was(client: httpx.AsyncClient) -> None:
    first, second = await speak(client), await speak(client)
    assert first.headers["character-cost"] == str(len(TEXT))
    assert first.headers["request-id"] not in ("", second.headers["request-id"])


async def test_the_same_request_gives_the_same_bytes_on_every_endpoint(client: httpx.AsyncClient) -> None:
    raw = (await speak(client)).content
    whole = (await speak(client, "/with-timestamps")).json()
    lines = (await speak(client, "/stream/with-timestamps")).text.splitlines()
    assert len(raw) > 80_000
    assert b64decode(whole["audio_base64"]) == raw
    assert b"".join(b64decode(json.loads(line)["audio_base64"]) for line in lines) == raw


@pytest.mark.parametrize("name", ["alignment", "normalized_alignment"])
async def test_every_character_has_its_time_in_the_response(client: httpx.AsyncClient, name: str) -> None:
    text = f"{TEXT} And another sentence that is spoken after it, so that there are several utterances in one response."
    answer = await speak(client, "/with-timestamps", text)
    timed = answer.json()[name]
    starts, ends = timed["character_start_times_seconds"], timed["character_end_times_seconds"]
    seconds = len(b64decode(answer.json()["audio_base64"])) / 32_000
    assert "".join(timed["characters"]) == text
    assert starts[0] == 0
    assert all(end == pytest.approx(start, abs=0.0015) for end, start in zip(ends, starts[1:], strict=False))
    assert all(before <= after for before, after in pairwise(starts))
    assert ends[-1] == pytest.approx(seconds, abs=0.003)


async def test_lines_have_the_times_of_the_whole(client: httpx.AsyncClient) -> None:
    whole = (await speak(client, "/with-timestamps")).json()["alignment"]
    answer = await speak(client, "/stream/with-timestamps")
    lines = [json.loads(line)["alignment"] for line in answer.text.splitlines()]
    joined = {key: [value for line in lines if line for value in line[key]] for key in whole}
    assert joined["characters"] == whole["characters"]
    starts, ends = "character_start_times_seconds", "character_end_times_seconds"
    # In lines, the last character is kept for the last of them.
    assert joined[starts][:-1] == whole[starts][:-1]
    assert joined[ends][-1] == whole[ends][-1]


async def test_every_line_ends_with_a_line_break_since_the_js_sdk_drops_a_tail(client: httpx.AsyncClient) -> None:
    assert (await speak(client, "/stream/with-timestamps")).content.endswith(b"}\n")


@on_both_servers
async def test_a_stream_begins_before_it_is_made(client: httpx.AsyncClient, server: LiveServer) -> None:
    request = client.build_request("POST", path("/stream"), params=PCM, json={"text": LONG})
    answer = await client.send(request, stream=True)
    await anext(answer.aiter_bytes())
    assert server.readiness()["engine"]["running"] == 1
    await answer.aclose()


@on_both_servers
async def test_a_client_that_leaves_frees_its_place(client: httpx.AsyncClient, server: LiveServer) -> None:
    for end in ("", "/stream/with-timestamps"):
        request = client.build_request("POST", path(end), params=PCM, json={"text": LONG})
        answer = await client.send(request, stream=True)
        await anext(answer.aiter_bytes())
        await answer.aclose()
        await idle(server)
        assert engine(server) == (0, 0)


async def idle(server: LiveServer) -> None:
    await asyncio.to_thread(server.wait_until, lambda: engine(server) == (0, 0), 10)


def engine(server: LiveServer) -> tuple[int, int]:
    state = server.readiness()["engine"]
    return state["running"], state["waiting"]


@on_both_servers
async def test_a_client_that_leaves_before_the_first_sound_frees_its_place(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    body = json.dumps({"text": LONG}).encode()
    head = f"POST {path()}?output_format=pcm_16000 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(8):  # more than can be spoken at once
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body)
    await idle(server)
    assert server.log.count("Traceback") == before


async def test_settings_reach_the_voice(client: httpx.AsyncClient) -> None:
    slow = await speak(client, voice_settings={"speed": 0.7, "stability": 0.5, "similarity_boost": 0.75})
    fast = await speak(client, voice_settings={"speed": 1.2})
    assert len(slow.content) > 1.3 * len(fast.content)


async def test_numbers_may_be_texts_or_booleans_and_the_nearest_speed_is_taken(client: httpx.AsyncClient) -> None:
    """The same as with plain values, since the seed is."""
    plain = await speak(client, voice_settings={"speed": 2.0, "stability": 0.8, "similarity_boost": 1})
    loose = await speak(client, seed="7", voice_settings={"speed": "9", "stability": "0.8", "similarity_boost": True})
    assert (plain.status_code, loose.status_code) == (200, 200)
    assert loose.content == plain.content


async def test_the_language_is_known_by_either_name_and_to_openais_endpoint_too(client: httpx.AsyncClient) -> None:
    """espeak-ng says the same text in the same way each time."""
    rate = {"output_format": "pcm_24000"}
    german, same, english = [
        (await client.post(path(), params=rate, json={"text": "Guten Tag.", "seed": 7} | more)).content
        for more in ({"language_code": "de"}, {"language": "de"}, {"language": "de", "language_code": "en"})
    ]
    body = {"voice": "demo", "input": "Guten Tag.", "response_format": "pcm", "language": "de"}
    from_openai = (await client.post("/v1/audio/speech", json=body)).content
    assert german == same == from_openai
    assert german != english


async def test_nulls_stand_for_the_defaults_of_openais_endpoint(client: httpx.AsyncClient) -> None:
    body = {"voice": "demo", "input": TEXT, "response_format": None, "stream_format": None, "speed": None}
    answer = await client.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")


async def test_livekit_sends_null_for_settings_that_are_not_set(client: httpx.AsyncClient) -> None:
    assert (await speak(client, voice_settings=None, model_id=None, language_code=None)).status_code == 200


async def test_pipecat_sends_what_was_said_before(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"previous_text": "Hello.", "apply_text_normalization": "auto", "something_new": [1, 2]}
    assert (await speak(client, "/stream/with-timestamps", **body)).status_code == 200


@pytest.mark.parametrize("text", ["...", " \n ", "\u3000", "😀🎉"])
@pytest.mark.parametrize("output_format", ["wav_16000", "mp3_44100_128", "opus_48000_32", "pcm_16000"])
async def test_where_there_is_nothing_to_say_a_moment_of_silence_is_sent(
    client: httpx.AsyncClient, output_format: str, text: str
) -> None:
    """Players and readers take a file of no bytes for a damaged one."""
    answer = await client.post(path(), params={"output_format": output_format}, json={"text": text})
    assert (answer.status_code, answer.headers["character-cost"]) == (200, str(len(text.strip())))
    output = HTTP_FORMATS[output_format]
    heard = decoded(answer.content, output)
    assert 0.1 <= len(heard) / output.sample_rate < 0.3
    assert np.abs(heard).max() < 0.001


@pytest.mark.parametrize("end", ["/with-timestamps", "/stream/with-timestamps"])
async def test_a_moment_of_silence_has_no_characters(client: httpx.AsyncClient, end: str) -> None:
    answer = await client.post(path(end), params={"output_format": "wav_16000"}, json={"text": " "})
    found = json.loads(answer.content)
    assert (found["alignment"], found["normalized_alignment"]) == (None, None)
    assert len(soundfile.read(io.BytesIO(b64decode(found["audio_base64"])))[0]) == 1600


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
async def test_elevenlabs_wav_formats(client: httpx.AsyncClient, rate: int) -> None:
    answer = await client.post(path(), params={"output_format": f"wav_{rate}"}, json={"text": TEXT, "seed": 7})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    samples, found = soundfile.read(io.BytesIO(answer.content))
    assert found == rate
    assert 3.0 < len(samples) / rate < 8.0


async def test_the_same_wav_on_every_endpoint(client: httpx.AsyncClient) -> None:
    wav = {"output_format": "wav_24000"}
    body = {"text": TEXT, "seed": 7}
    raw = [(await client.post(path(end), params=wav, json=body)).content for end in ("", "/stream")]
    whole = (await client.post(path("/with-timestamps"), params=wav, json=body)).json()
    lines = (await client.post(path("/stream/with-timestamps"), params=wav, json=body)).text.splitlines()
    parts = [b64decode(json.loads(line)["audio_base64"]) for line in lines]
    assert raw[0] == raw[1] == b64decode(whole["audio_base64"]) == b"".join(parts)
    assert raw[0].startswith(b"RIFF")
    assert whole["alignment"]["characters"] == list(TEXT)


# What is refused, in ElevenLabs' words


async def refused(client: httpx.AsyncClient, method: str, url: str, **options: Any) -> tuple[int, Any]:
    answer = await client.request(method, url, **options)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, answer.json()["detail"]


async def test_an_unknown_voice(client: httpx.AsyncClient) -> None:
    status, detail = await refused(client, "POST", path(voice_id="nobody"), params=PCM, json={"text": "Hello."})
    assert status == 404
    assert detail.pop("request_id")
    assert detail == {
        "status": "voice_not_found",
        "code": "voice_not_found",
        "message": "The voice 'nobody' does not exist or is disabled.",
    }


@pytest.mark.parametrize("voice_id", ["a%2Fb", "%F0%9F%98%80", "x" * 300, "a%00b", "..%2F..%2Fetc"])
async def test_a_voice_id_that_can_be_none(client: httpx.AsyncClient, voice_id: str) -> None:
    status, detail = await refused(client, "POST", path("/stream", voice_id), params=PCM, json={"text": "Hello."})
    assert (status, detail["status"]) == (404, "voice_not_found")


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["body", "text"], "missing"),
        ({"text": 5}, ["body", "text"], "string_type"),
        ({"text": ""}, ["body", "text"], "string_too_short"),
        ({"text": "Hi.", "voice_settings": {"style": 9}}, ["body", "voice_settings", "style"], "less_than_equal"),
        ({"text": "Hi.", "seed": -1}, ["body", "seed"], "greater_than_equal"),
    ],
)
async def test_a_wrong_body_is_told_as_fastapi_tells_it(
    client: httpx.AsyncClient, body: Any, loc: list[str], kind: str
) -> None:
    status, detail = await refused(client, "POST", path(), params=PCM, json=body)
    assert status == 422
    assert [(fault["loc"], fault["type"]) for fault in detail] == [(loc, kind)]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b'{"text": "\\ud800"}', b"[" * 5000]
)
async def test_a_body_that_is_no_json_object(client: httpx.AsyncClient, content: bytes) -> None:
    status, _ = await refused(client, "POST", path(), params=PCM, content=content)
    assert status in (400, 422)


async def test_a_text_over_the_limit(client: httpx.AsyncClient) -> None:
    status, detail = await refused(client, "POST", path(), params=PCM, json={"text": "a" * 40_001})
    assert (status, detail["status"]) == (400, "max_character_limit_exceeded")
    assert "40001" in detail["message"]
    assert "40000" in detail["message"]


async def test_signs_that_would_be_spoken_for_minutes(client: httpx.AsyncClient) -> None:
    status, detail = await refused(client, "POST", path(), params=PCM, json={"text": "½" * 1900})
    assert (status, detail["status"]) == (400, "max_character_limit_exceeded")
    assert "too many signs" in detail["message"]


async def test_an_unknown_dictionary(client: httpx.AsyncClient) -> None:
    locators = [{"pronunciation_dictionary_id": "nobodys", "version_id": None}]
    body = {"text": "Hello.", "pronunciation_dictionary_locators": locators}
    status, detail = await refused(client, "POST", path(), params=PCM, json=body)
    assert (status, detail["status"]) == (404, "pronunciation_dictionary_not_found")


async def test_tags_are_not_spoken(client: httpx.AsyncClient) -> None:
    whole = (await speak(client, "/with-timestamps", 'Hello <emphasis level="strong">there</emphasis>.')).json()
    assert "".join(whole["alignment"]["characters"]) == "Hello there."


async def test_an_unknown_format(client: httpx.AsyncClient) -> None:
    status, detail = await refused(client, "POST", path(), params={"output_format": "mp9_1"}, json={"text": "Hello."})
    assert (status, detail["status"]) == (400, "invalid_output_format")
    assert "pcm_16000" in detail["message"]


@on_both_servers
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_that_is_too_long_to_be_read_at_once(client: httpx.AsyncClient, is_chunked: bool) -> None:
    """Read to its end all the same: a client that is still sending would not see the answer."""
    body = json.dumps({"text": "Hello.", "previous_text": "a" * 5_000_000}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = chunks() if is_chunked else body
    status, detail = await refused(client, "POST", path(), params=PCM, content=content)
    assert (status, detail["status"]) == (413, "request_too_large")


@on_both_servers
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("url", ["/v1/nothing", "/v1//nothing/", "/v2/", "/v1/text-to-speech/", "/v1/voices/a/b/c"])
async def test_a_path_that_leads_nowhere(client: httpx.AsyncClient, method: str, url: str) -> None:
    status, detail = await refused(client, method, url)
    assert (status, detail["status"]) == (404, "not_found")


@on_both_servers
async def test_a_method_that_is_not_for_a_path(client: httpx.AsyncClient) -> None:
    answer = await client.get(path())
    assert (answer.status_code, answer.json()["detail"]["status"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


# Pages of other hosts

EVIL = {"Origin": "https://evil.example"}


async def test_a_page_of_another_host_may_not_use_a_server_without_keys(client: httpx.AsyncClient) -> None:
    status, detail = await refused(client, "POST", path(), params=PCM, json={"text": "Hello."}, headers=EVIL)
    assert (status, detail["status"]) == (403, "origin_not_allowed")
    status, _ = await refused(client, "POST", path("/stream"), params=PCM, json={"text": "Hello."}, headers=EVIL)
    assert status == 403


async def test_a_page_of_another_host_is_told_nothing_before_it_asks(client: httpx.AsyncClient) -> None:
    answer = await client.options(path(), headers=EVIL)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_a_page_of_the_server_itself_may_ask_and_read(client: httpx.AsyncClient, server: LiveServer) -> None:
    headers = {"Origin": server.base_url, "Access-Control-Request-Headers": "xi-api-key,content-type"}
    answer = await client.options(path(), headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == server.base_url
    assert answer.headers["access-control-allow-headers"] == "xi-api-key,content-type"
    answer = await client.post(path(), params=PCM, json={"text": "Hello."}, headers=headers)
    assert answer.headers["access-control-allow-origin"] == headers["Origin"]


# Slashes too many: addresses that end with one are joined with paths that begin with one.


def absolute(client: httpx.AsyncClient, url: str) -> str:
    """httpx would take what follows two slashes for a host."""
    return f"{client.base_url}".rstrip("/") + url


@on_both_servers
@pytest.mark.parametrize(
    "url", ["/v1//audio/speech", "//v1/audio/speech", "/v1/audio/speech/", "//v1//audio//speech//"]
)
async def test_openais_endpoint_with_slashes_too_many_speaks(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post(absolute(client, url), json={"model": "tts-1", "voice": "demo", "input": "Hello."})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")


@on_both_servers
@pytest.mark.parametrize(
    "url", ["/v1/text-to-speech/demo/", "/v1//text-to-speech/demo//stream", f"/{path('/stream')}/"]
)
async def test_elevenlabs_endpoints_with_slashes_too_many_speak(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post(absolute(client, url), params=PCM, json={"text": "Hello."})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/pcm")


@on_both_servers
@pytest.mark.parametrize("url", ["/v1/voices/", "/v2//voices", "/v1/models/", "//v1/user/", "/v1/audio//voices"])
async def test_lists_with_slashes_too_many_are_the_same_lists(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(absolute(client, url))
    plain = await client.get(re.sub("/+", "/", url).rstrip("/"))
    assert plain.status_code == 200
    assert answer.json() == plain.json()


@on_both_servers
async def test_errors_of_a_path_with_slashes_too_many_have_its_words(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1//audio/speech/", json={"model": "tts-1", "voice": "nobody", "input": "Hello."})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "voice_not_found")


@on_both_servers
async def test_recordings_are_taken_at_a_path_with_slashes_too_many(client: httpx.AsyncClient) -> None:
    """Longer than any body without files may be, and looked at by the server before it is by the application."""
    files = [("files", ("anna.wav", recording(30), "audio/wav"))]
    assert len(files[0][1][1]) > BodyLimits.of(get_config()).other
    added = await client.post("/v1//voices/add/", data={"name": "Slashes"}, files=files)
    assert added.status_code == 200
    assert (await client.delete(f"/v1/voices//{added.json()['voice_id']}/")).json() == {"status": "ok"}


@on_both_servers
@pytest.mark.parametrize("end", ["/stream-input/", "//stream-input", "/multi-stream-input/"])
async def test_a_socket_with_slashes_too_many_speaks(server: LiveServer, end: str) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}{path(end)}") as socket:
        await socket.send(json.dumps({"text": "Hello. ", "flush": True}))
        assert json.loads(await socket.recv())["audio"]


# The schema and its page


async def test_the_schema_names_every_speech_endpoint(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    ends = ("", "/stream", "/with-timestamps", "/stream/with-timestamps")
    assert {f"/v1/text-to-speech/{{voice_id}}{end}" for end in ends} <= schema["paths"].keys()
    operation = schema["paths"]["/v1/text-to-speech/{voice_id}"]["post"]
    assert "audio/*" in operation["responses"]["200"]["content"]
    assert "default" in operation["responses"]
    assert schema["components"]["securitySchemes"]["ApiKey"]["name"] == "xi-api-key"


@pytest.mark.parametrize("path", ["/v1/text-to-speech/{voice_id}", "/v1/audio/speech"])
async def test_what_the_page_begins_with_is_spoken(client: httpx.AsyncClient, path: str) -> None:
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    [example] = schema["components"]["schemas"][body["$ref"].rsplit("/", 1)[-1]]["examples"]
    answer = await client.post(path.replace("{voice_id}", "demo"), json=example)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")


async def test_the_page_needs_nothing_of_another_host(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    parts = re.findall(r'<(?:link|script|img)[^>]* (?:src|href)="([^"]+)"', page)
    assert any(part.endswith(".js") for part in parts)
    assert [part for part in parts if not part.startswith("/static/")] == []
    assert {(await client.get(part)).status_code for part in parts} == {200}


# A small server


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    service = {"max_concurrency": 1, "max_waiting": 0, "stall_timeout_seconds": 1.5, "max_connections": 3}
    limits = {"max_query_bytes": 256, "max_header_bytes": 1024}
    settings = write_settings(tmp_path_factory.mktemp("small"), service=service, limits=limits)
    with LiveServer(settings) as live:
        yield live


@pytest.fixture
async def small(small_server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=small_server.base_url, timeout=60) as client:
        yield client
    await idle(small_server)


@on_both_servers
async def test_a_full_line_says_when_to_come_back(small: httpx.AsyncClient, small_server: LiveServer) -> None:
    request = small.build_request("POST", path(), params=PCM, json={"text": LONG})
    first = await small.send(request, stream=True)
    await anext(first.aiter_bytes())
    answers = [await speak(small) for _ in range(20)]
    await first.aclose()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["detail"]["status"] == "system_busy"
    assert int(refused[0].headers["retry-after"]) >= 1


@on_both_servers
async def test_a_query_over_the_limit(small: httpx.AsyncClient) -> None:
    status, detail = await refused(small, "GET", f"/v1/nothing?search={'a' * 250}")
    assert (status, detail["status"]) == (414, "query_too_long")


@on_both_servers
async def test_headers_over_the_limit(small: httpx.AsyncClient) -> None:
    status, detail = await refused(small, "GET", "/v1/nothing", headers={"X-Long": "a" * 1024})
    assert (status, detail["status"]) == (431, "headers_too_large")


def ask_and_never_read(server: LiveServer, times: int) -> int:
    """The bytes that the server has in memory when it has dropped the client, the last of so many."""
    body = json.dumps({"text": LONG}).encode()
    head = f"POST {path()}?output_format=pcm_48000 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head.encode() + body)
        server.wait_until(lambda: server.log.count("did not read its response") == times)
        held = resident_bytes(server.process.pid)
    server.wait_until(lambda: engine(server) == (0, 0))
    return held


@on_both_servers
def test_a_client_that_does_not_read_costs_little_and_is_dropped(small_server: LiveServer) -> None:
    dropped = small_server.log.count("did not read its response")
    idle = resident_bytes(small_server.process.pid)
    assert ask_and_never_read(small_server, dropped + 1) < 1.2 * idle


@on_both_servers
async def test_an_engine_that_dies_breaks_the_response_off(small: httpx.AsyncClient, small_server: LiveServer) -> None:
    """A response that ended properly would be taken for the whole speech."""
    request = small.build_request("POST", path(), params=PCM, json={"text": LONG})
    answer = await small.send(request, stream=True)
    parts = answer.aiter_bytes()
    await anext(parts)
    os.kill(small_server.engine_pids()[0], signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        async for _ in parts:
            pass
    await asyncio.to_thread(small_server.wait_until, lambda: small_server.readiness()["ready"])
    assert "Exception inside application" not in small_server.log


@on_both_servers
async def test_a_server_that_ends_breaks_responses_off_without_a_traceback(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = write_settings(tmp_path_factory.mktemp("ending"), service={"drain_seconds": 0})
    with LiveServer(settings) as live:
        async with httpx.AsyncClient(base_url=live.base_url, timeout=60) as client:
            request = client.build_request("POST", path(), params=PCM, json={"text": LONG})
            answer = await client.send(request, stream=True)
            parts = answer.aiter_bytes()
            await anext(parts)
            live.process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx.TransportError):
                async for _ in parts:
                    pass
        assert await asyncio.to_thread(live.process.wait, 30) == 0
        assert "Traceback" not in live.log
