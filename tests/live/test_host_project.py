"""The apps in a Django project that is not ours, on either server: what it has stays its own, and its prefix needs keys."""

import asyncio
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.live.client import speak
from tests.live.host import EMAIL, PASSWORD, HostServer, host_python
from tests.live.scraping import Metrics
from tests.pure.voices.recordings import recording

pytestmark = pytest.mark.both_servers


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[HostServer]:
    with HostServer(folder=tmp_path_factory.mktemp("host"), program=server_program) as live:
        yield live


@pytest.fixture
def stranger(host: HostServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=host.base_url, timeout=60) as client:
        yield client


@pytest.fixture
def keyed(host: HostServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{host.base_url}/speech", timeout=60, headers={"xi-api-key": host.key}) as client:
        yield client


def test_with_a_key_it_speaks(keyed: httpx.Client) -> None:
    response = keyed.post("/v1/text-to-speech/demo", json={"text": "Hello."})
    assert (response.status_code, response.headers["content-type"]) == (200, "audio/mpeg")
    assert keyed.get("/v1/voices").json()["voices"][0]["voice_id"] == "demo"


@pytest.mark.parametrize("path", ["//v1/voices", "/v1//voices/", "/v1/voices/"])
def test_slashes_too_many_are_forgiven_below_the_prefix_and_nowhere_else(
    host: HostServer, keyed: httpx.Client, stranger: httpx.Client, path: str
) -> None:
    """The project has a page of its own at /v1/voices, for those who are signed in."""
    assert keyed.get(f"{host.base_url}/speech{path}").json()["voices"][0]["voice_id"] == "demo"
    assert stranger.get("/v1/voices").status_code == 302
    assert stranger.get(f"{host.base_url}{path}").status_code == 404


def test_openai_has_its_words_under_the_prefix(keyed: httpx.Client) -> None:
    response = keyed.post("/v1/audio/speech", json={"voice": "nobody", "input": "Hello.", "model": "-"})
    assert response.json()["error"]["code"] == "voice_not_found"


def test_the_schema_has_the_prefix(stranger: httpx.Client) -> None:
    schema = stranger.get("/speech/openapi.json").json()
    assert "/speech/v1/voices" in schema["paths"]
    assert "/speech/openapi.json" in stranger.get("/speech/docs").text


def test_the_playground_is_at_the_prefix_for_those_who_are_not_signed_in(stranger: httpx.Client) -> None:
    response = stranger.get("/speech/")
    assert response.status_code == 200
    assert '"base": "/speech/", "requireKeys": true' in response.text
    assert 'href="/speech/docs"' in response.text
    assert "script-src 'self';" in response.headers["content-security-policy"]


async def test_sockets_answer_under_the_prefix(host: HostServer) -> None:
    async with host.connect(query="?mode=generate", additional_headers={"xi-api-key": host.key}) as socket:
        assert (await speak(socket, "Hello there.")).is_final
    async with host.connect(additional_headers={"xi-api-key": "sk_wrong"}) as socket:
        await socket.send(json.dumps({"text": "Hello."}))
        assert json.loads(await socket.recv())["error"] == "invalid_api_key"


async def test_the_projects_own_socket_is_its_own(host: HostServer) -> None:
    async with connect(f"ws://127.0.0.1:{host.port}/echo") as client:
        await client.send("are you there?")
        assert await client.recv() == "are you there?"


@pytest.mark.parametrize("path", ["/v1/text-to-speech/demo/stream-input", "/nothing", "/speech/nothing"])
async def test_unknown_sockets_are_refused_cleanly(host: HostServer, path: str) -> None:
    before = host.log.count("Traceback")
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{host.port}{path}")
    assert refused.value.response.status_code == 403
    assert host.log.count("Traceback") == before


def test_the_projects_pages_keep_their_login_and_their_middleware(stranger: httpx.Client) -> None:
    response = stranger.get("/v1/voices")
    assert (response.status_code, response.headers["x-host"]) == (302, "stamped")
    sign_in(stranger)
    assert stranger.get("/v1/voices").text == f"the choirs of {EMAIL}"


def sign_in(client: httpx.Client) -> None:
    token = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', client.get("/admin/login/").text)[0]
    form = {"username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert client.post("/admin/login/", data=form).status_code == 302


def test_its_body_limits_are_its_own(stranger: httpx.Client) -> None:
    assert stranger.post("/v1/upload", content=b"x" * 3_000_000).text == "3000000"


def test_ours_hold_for_the_api(keyed: httpx.Client) -> None:
    response = keyed.post("/v1/text-to-speech/demo", content=b"x" * 900_000)
    assert (response.status_code, response.json()["detail"]["code"]) == (413, "request_too_large")


def test_its_health_is_its_own(stranger: httpx.Client) -> None:
    assert stranger.get("/healthz").text == "the host is well"
    assert stranger.get("/readyz").status_code == 404


def test_its_icon_is_its_own(stranger: httpx.Client) -> None:
    assert stranger.get("/favicon.ico").status_code == 404
    sign_in(stranger)
    assert 'rel="icon"' not in stranger.get("/admin/").text


def test_its_admin_keeps_its_title_and_shows_voices_and_keys(stranger: httpx.Client) -> None:
    assert "Администрирование Django" in stranger.get("/admin/login/").text
    sign_in(stranger)
    for page in ("voices/voice", "voices/pronunciationdictionary", "access/apikey", "access/dailyusage"):
        assert stranger.get(f"/admin/{page}/").status_code == 200, page


def test_what_the_apps_add_to_its_admin_is_in_its_language(stranger: httpx.Client) -> None:
    sign_in(stranger)
    page = stranger.get("/admin/").text
    assert all(name in page for name in ("Голоса", "Словари произношения", "Ключи доступа", "Использование по дням"))


def test_the_api_speaks_english_in_a_project_with_russian_pages(keyed: httpx.Client) -> None:
    files = {"files": ("anna.wav", b"no sound at all", "audio/wav")}
    answer = keyed.post("/v1/voices/add", data={"name": "Anna"}, files=files)
    assert answer.json()["detail"]["message"].startswith("anna.wav: This file cannot be read as audio")


def test_recordings_are_in_its_storage_and_can_be_heard(
    host: HostServer, keyed: httpx.Client, stranger: httpx.Client
) -> None:
    files = {"files": ("anna.wav", recording(), "audio/wav")}
    voice_id = keyed.post("/v1/voices/add", data={"name": "Anna"}, files=files).json()["voice_id"]
    with closing(sqlite3.connect(host.folder / "host.sqlite3")) as database:
        [(clip,)] = database.execute("SELECT id FROM voices_referenceclip").fetchall()
        original, copy = database.execute("SELECT content FROM host_storedfile ORDER BY id").fetchall()
    assert original == (recording(),)
    assert copy[0].startswith(b"RIFF")
    sign_in(stranger)
    assert stranger.get(f"/admin/voices/voice/clips/{clip}/audio").content == recording()
    assert keyed.delete(f"/v1/voices/{voice_id}").status_code == 200


def test_a_button_of_its_admin_speaks_under_its_prefix(stranger: httpx.Client) -> None:
    sign_in(stranger)
    listed = stranger.get("/admin/voices/voice/")
    address = listed.text.partition('data-hear="')[2].partition('"')[0]
    token = listed.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    told = stranger.post(address, headers={"X-CSRFToken": token}).json()
    assert told["address"] == "/speech/v1/listen"
    speech = stranger.post(told["address"], data={"ticket": told["ticket"]})
    assert (speech.status_code, speech.headers["content-type"]) == (200, "audio/pcm")
    assert len(speech.content) > 48_000


def test_it_has_nothing_to_migrate(host: HostServer) -> None:
    assert "No changes detected" in host_python(host.folder, "manage.py", "makemigrations", "--check", "--dry-run")


def test_importing_its_application_starts_nothing(host: HostServer) -> None:
    code = (
        "import os, threading, host.asgi\n"
        "print(threading.active_count(), open(f'/proc/self/task/{os.getpid()}/children').read().split())"
    )
    assert host_python(host.folder, "-c", code) == "1 []\n"


def test_where_nothing_serves_speech_the_api_says_so(host: HostServer) -> None:
    """Django's development server, which speaks WSGI."""
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "print(Client(HTTP_HOST='127.0.0.1').get('/speech/v1/voices').json()['detail']['message'])"
    )
    said = host_python(host.folder, "-c", code, DJANGO_SETTINGS_MODULE="host.settings")
    assert "streaming.asgi.speech_application" in said


def test_a_wrong_setting_ends_the_start_with_its_name(host: HostServer) -> None:
    code = (
        "import django\nfrom django.conf import settings\nsettings.XTTS = {'acces': {}}\n"
        "try:\n    django.setup()\nexcept Exception as error:\n    print(error)"
    )
    said = host_python(host.folder, "-c", code, DJANGO_SETTINGS_MODULE="host.settings")
    assert said == "XTTS['acces'] is not a setting.\n"


def test_clients_that_leave_free_their_places_behind_a_synchronous_middleware(host: HostServer) -> None:
    body = json.dumps({"text": "This is a long sentence, and it goes on for a while. " * 20}).encode()
    head = (
        f"POST /speech/v1/text-to-speech/demo HTTP/1.1\r\nHost: 127.0.0.1\r\nxi-api-key: {host.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with ExitStack() as connections:
        for _ in range(20):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", host.port)))
            connection.sendall(head.encode() + body)
        host.wait_until(lambda: all(engine_of(host)), 60)  # some speak, and others wait in line
    host.wait_until(lambda: engine_of(host) == (0, 0), 60)
    assert host.speaks()


def engine_of(host: HostServer) -> tuple[int, int]:
    engine = httpx.get(f"{host.base_url}/speech-ready", timeout=30).json()["engine"]
    return engine["running"], engine["waiting"]


async def test_a_mistake_in_the_projects_own_socket_is_not_hidden(host: HostServer) -> None:
    before = host.log.count("Traceback")
    async with connect(f"ws://127.0.0.1:{host.port}/echo") as client:
        await client.send("xyz")
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
    await asyncio.to_thread(host.wait_until, lambda: host.log.count("Traceback") > before, 30)


def test_ending_it_leaves_no_engine(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> None:
    folder = tmp_path_factory.mktemp("ending")
    with HostServer(folder=folder, program=server_program) as live:
        [pid] = live.engine_pids()
        live.process.terminate()
        live.process.wait(20)
        live_engine = [line for line in live.log.splitlines() if "Traceback" in line]
    assert live_engine == []
    assert not Path(f"/proc/{pid}").exists()
    if server_program == "uvicorn":  # daphne tells no application of its lifespan
        assert (folder / "lifespan").read_text().split() == ["lifespan.startup", "lifespan.shutdown"]


def test_metrics_are_below_the_prefix_for_the_token_and_for_staff(host: HostServer, stranger: httpx.Client) -> None:
    """In a project in which everything needs a login, and whose users have other fields."""
    refused = stranger.get("/speech/metrics")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "speech_" not in refused.text
    assert Metrics.of(host, "speech/").value("speech_engine_starts_total") == 1
    sign_in(stranger)
    assert "speech_engine_starts_total 1.0" in stranger.get("/speech/metrics").text


def test_the_metrics_of_the_project_stay_its_own(tmp_path: Path) -> None:
    """And may have ours beside them."""
    names = "print(sorted(metric.name for metric in REGISTRY.collect() if metric.name.startswith('speech_'))[:2])"
    code = f"from host.asgi import application\nfrom prometheus_client import REGISTRY\n{names}\n"
    code += f"REGISTRY.register(application.metrics)\n{names}"
    alone, both = host_python(tmp_path, "-c", code).splitlines()[-2:]
    assert (alone, both) == ("[]", "['speech_audio_seconds', 'speech_characters']")
