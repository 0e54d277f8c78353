"""ElevenLabs' endpoints for voices on a real server, beyond what its SDKs ask for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.pure.voices.muxing import LIVE, muxed
from tests.pure.voices.recordings import encoded, recording, speech


@pytest.fixture(scope="module")
def voice_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Its voices come and go."""
    with LiveServer(write_settings(tmp_path_factory.mktemp("voices"))) as live:
        yield live
        assert "Traceback" not in live.log


@pytest.fixture
def client(voice_server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=voice_server.base_url, timeout=60) as client:
        yield client


def add(client: httpx.Client, name: str = "Anna", *contents: bytes, **fields: str) -> httpx.Response:
    files = [("files", (f"{index}.wav", content)) for index, content in enumerate(contents or (recording(),))]
    return client.post("/v1/voices/add", data={"name": name, **fields}, files=files)


@pytest.fixture
def voice_id(client: httpx.Client) -> Iterator[str]:
    added: str = add(client, "Anna", labels='{"accent": "bavarian", "language": "en"}').json()["voice_id"]
    yield added
    client.delete(f"/v1/voices/{added}")


def detail(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()["detail"]


def test_livekit_indexes_id_name_and_category_of_every_voice(client: httpx.Client, voice_id: str) -> None:
    voices = client.get("/v1/voices").json()["voices"]
    assert {(voice["voice_id"], voice["name"], voice["category"]) for voice in voices} == {
        ("demo", "Demo", "premade"),
        (voice_id, "Anna", "cloned"),
    }


def test_a_voice_tells_its_recordings_and_labels(client: httpx.Client, voice_id: str) -> None:
    voice = client.get(f"/v1/voices/{voice_id}").json()
    assert voice["labels"] == {"accent": "bavarian", "language": "en"}
    [sample] = voice["samples"]
    assert (sample["file_name"], sample["mime_type"]) == ("0.wav", "audio/wav")
    assert sample["size_bytes"] == len(recording())


def test_a_voice_can_speak_as_soon_as_it_is_added(client: httpx.Client, voice_id: str) -> None:
    answer = client.post(
        f"/v1/text-to-speech/{voice_id}", params={"output_format": "pcm_16000"}, json={"text": "Hello."}
    )
    assert answer.status_code == 200
    assert len(answer.content) > 8_000


@pytest.mark.parametrize(
    ("container", "codec", "rate", "options", "kind"),
    [
        ("ipod", "aac", 44_100, {}, "audio/mp4"),
        ("webm", "libopus", 48_000, LIVE | {"seekable": False}, "audio/webm"),
        ("amr", "libopencore_amrnb", 8_000, {}, "audio/amr"),
    ],
)
def test_what_phones_and_browsers_record_is_taken(
    client: httpx.Client, container: str, codec: str, rate: int, options: dict[str, Any], kind: str
) -> None:
    answer = add(client, "Anna", muxed(container, codec, speech(2.0, rate=rate), rate=rate, **options))
    assert answer.status_code == 200, answer.text
    [sample] = client.get(f"/v1/voices/{answer.json()['voice_id']}").json()["samples"]
    client.delete(f"/v1/voices/{answer.json()['voice_id']}")
    assert sample["mime_type"] == kind
    assert sample["duration_secs"] == pytest.approx(2.0, abs=0.05)


def test_a_sample_says_what_may_harm_the_voice(client: httpx.Client) -> None:
    added = add(client, "Anna", encoded(speech(2.0, rate=8_000), rate=8_000)).json()["voice_id"]
    [sample] = client.get(f"/v1/voices/{added}").json()["samples"]
    client.delete(f"/v1/voices/{added}")
    assert sample["findings"][0].startswith("It has only 2 s of speech.")
    assert sample["findings"][1].startswith("Its sample rate is 8000 Hz")


def test_who_uploads_a_damaged_recording_is_told_what_is_lost(client: httpx.Client) -> None:
    mp3 = muxed("mp3", "libmp3lame", speech(8.0), rate=22_050)
    middle = len(mp3) // 2
    answer = add(client, "Anna", mp3[:middle] + bytes(5_000) + mp3[middle + 5_000 :])
    assert (answer.status_code, detail(answer)["status"]) == (400, "invalid_voice")
    lost = re.fullmatch(
        r"0\.wav: The recording is damaged or incomplete: (\d\.\d) of its 8\.\d s cannot be read\. Copy it from the device "
        r"again, or open it in an audio editor and save the good part as WAV\.",
        detail(answer)["message"],
    )
    assert lost
    assert float(lost[1]) == pytest.approx(8 * 5_000 / len(mp3), abs=0.3)


@pytest.mark.parametrize(
    ("label", "found_by"), [("German", "de"), ("deutsch", "de"), ("de-AT", "de"), ("pt_BR", "pt"), ("Bavarian", None)]
)
def test_a_label_that_names_a_language_in_words_or_as_a_code_is_the_language_of_the_voice(
    client: httpx.Client, label: str, found_by: str | None
) -> None:
    added = add(client, "Anna", labels=json.dumps({"language": label})).json()["voice_id"]
    kept = client.get(f"/v1/voices/{added}").json()["labels"]
    found = client.get("/v2/voices", params={"language": found_by or "en"}).json()["voices"]
    client.delete(f"/v1/voices/{added}")
    assert kept == {"language": label}
    assert [voice["name"] for voice in found if voice["voice_id"] == added] == (["Anna"] if found_by else [])


def test_pages_lead_to_each_other(client: httpx.Client, voice_id: str) -> None:
    first = client.get("/v2/voices", params={"page_size": 1}).json()
    assert (first["has_more"], first["total_count"]) == (True, 2)
    second = client.get("/v2/voices", params={"page_size": 1, "next_page_token": first["next_page_token"]}).json()
    assert (second["has_more"], second["next_page_token"]) == (False, None)
    assert [first["voices"][0]["name"], second["voices"][0]["name"]] == ["Anna", "Demo"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("search=bavar", ["Anna"]),
        ("category=premade", ["Demo"]),
        ("voice_type=personal", ["Anna"]),
        ("voice_type=personal&category=premade", []),
        ("voice_type=community", []),
        ("voice_ids=demo&voice_ids=nobody", ["Demo"]),
        ("language=en&language=de", ["Anna"]),
        ("accent=bavarian&gender=male", []),
        ("sort=created_at_unix&sort_direction=desc", ["Anna", "Demo"]),
        ("include_total_count=true&collection_id=none", ["Anna", "Demo"]),
    ],
)
def test_what_is_searched_for(client: httpx.Client, voice_id: str, query: str, names: list[str]) -> None:
    answer = client.get(f"/v2/voices?{query}").json()
    assert [voice["name"] for voice in answer["voices"]] == names
    assert answer["total_count"] == len(names)


@pytest.mark.parametrize("query", ["page_size=0", "page_size=101", "sort=age", "voice_type=odd", "sort_direction=up"])
def test_a_search_that_means_nothing(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v2/voices?{query}")
    assert answer.status_code == 422
    assert [fault["loc"] for fault in detail(answer)] == [["query", query.partition("=")[0]]]


def test_what_programs_are_told_is_english_whatever_they_accept(client: httpx.Client) -> None:
    client.headers["Accept-Language"] = "ru"
    client.cookies["django_language"] = "ru"
    answer = add(client, "Noise", b"no sound at all")
    assert detail(answer)["message"].startswith("0.wav: This file cannot be read as audio")
    assert [told.headers["Content-Language"] for told in (answer, client.get("/v2/voices"))] == ["en", "en"]


def test_a_page_token_of_nobodys(client: httpx.Client) -> None:
    answer = client.get("/v2/voices?next_page_token=abc")
    assert (answer.status_code, detail(answer)["param"]) == (400, "next_page_token")


def test_a_recording_that_cannot_be_used_is_refused_in_words(client: httpx.Client) -> None:
    answer = add(client, "Noise", recording(), b"no sound at all")
    assert (answer.status_code, detail(answer)["status"]) == (400, "invalid_voice")
    assert detail(answer)["message"].startswith("1.wav: This file cannot be read as audio")
    assert client.get("/v2/voices?search=noise").json()["total_count"] == 0


@pytest.mark.parametrize(
    ("data", "files", "loc"),
    [
        ({}, [("files", ("a.wav", b"x"))], ["form", "name"]),
        ({"name": "x" * 101}, [("files", ("a.wav", b"x"))], ["form", "name"]),
        ({"name": "Anna"}, [("other", ("a.wav", b"x"))], ["file", "files"]),
    ],
)
def test_a_form_that_lacks_something(client: httpx.Client, data: Any, files: Any, loc: list[str]) -> None:
    answer = client.post("/v1/voices/add", data=data, files=files)
    assert answer.status_code == 422
    assert [fault["loc"] for fault in detail(answer)] == [loc]


@pytest.mark.parametrize("labels", ["[1]", "{", "5", '"a"', '{"a": 1}', '{"a": {"b": 2}}'])
def test_labels_that_are_none(client: httpx.Client, labels: str) -> None:
    answer = add(client, labels=labels)
    assert answer.status_code == 400
    assert "abels" in detail(answer)["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"no form",
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnna',
        b"--x\r\n\r\n--x--\r\n" * 200,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 2000 + b"--x--\r\n",
    ],
)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", "text/plain"])
def test_a_form_that_is_none(client: httpx.Client, kind: str, body: bytes) -> None:
    answer = client.post("/v1/voices/add", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 413, 422)
    assert detail(answer)


def test_characters_that_no_database_takes_are_left_out(client: httpx.Client) -> None:
    labels = '{"accent\\u0000": "scot\\ud800tish"}'
    added = add(client, "An\0na", description="Ca\0lm", labels=labels).json()["voice_id"]
    voice = client.get(f"/v1/voices/{added}").json()
    assert (voice["name"], voice["description"]) == ("Anna", "Calm")
    assert voice["labels"] == {"accent": "scot\ufffdtish"}
    client.delete(f"/v1/voices/{added}")


def test_too_many_files(client: httpx.Client) -> None:
    answer = client.post("/v1/voices/add", data={"name": "Anna"}, files=[("files", ("a.wav", b"x"))] * 101)
    assert (answer.status_code, detail(answer)["status"]) == (400, "invalid_input_message")


def test_editing_changes_what_is_given_and_adds_recordings(client: httpx.Client, voice_id: str) -> None:
    files = [("files", ("more.wav", recording(pitch=200)))]
    assert client.post(f"/v1/voices/{voice_id}/edit", data={"name": "Anne"}, files=files).json() == {"status": "ok"}
    voice = client.get(f"/v1/voices/{voice_id}").json()
    assert (voice["name"], voice["labels"]["accent"], len(voice["samples"])) == ("Anne", "bavarian", 2)


def test_a_speed_that_is_set_is_kept(client: httpx.Client, voice_id: str) -> None:
    assert client.get(f"/v1/voices/{voice_id}/settings").json()["speed"] == 1.0
    edited = client.post(f"/v1/voices/{voice_id}/settings/edit", json={"speed": 1.2, "stability": 0.3})
    assert edited.json() == {"status": "ok"}
    assert client.get(f"/v1/voices/{voice_id}/settings").json()["speed"] == 1.2
    assert client.get("/v1/voices/settings/default").json()["speed"] == 1.0


def test_a_voice_that_is_deleted_is_gone(client: httpx.Client) -> None:
    added = add(client).json()["voice_id"]
    assert client.delete(f"/v1/voices/{added}").json() == {"status": "ok"}
    answer = client.get(f"/v1/voices/{added}")
    assert (answer.status_code, detail(answer)["status"]) == (404, "voice_not_found")


@pytest.mark.parametrize(
    ("method", "end"),
    [("GET", ""), ("DELETE", ""), ("GET", "/settings"), ("POST", "/settings/edit"), ("POST", "/edit")],
)
@pytest.mark.parametrize("voice_id", ["nobody", "x" * 300, "a%00b", "%F0%9F%98%80"])
def test_an_unknown_voice(client: httpx.Client, method: str, end: str, voice_id: str) -> None:
    form = {"name": "Anna"} if end == "/edit" else None
    body: dict[str, Any] | None = {} if end == "/settings/edit" else None
    answer = client.request(method, f"/v1/voices/{voice_id}{end}", data=form, json=body)
    assert (answer.status_code, detail(answer)["status"]) == (404, "voice_not_found")
