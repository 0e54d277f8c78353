"""Several server processes on one database and one storage of recordings: a voice that is changed through one of them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.s3_server import S3Server
from tests.live.test_voices import CloningServer, level_for, perform, upload
from tests.live.test_voices import level as level_of_turn
from tests.live.test_voices import say as say_to
from tests.process.engine.cloning_engine import TOO_SHORT
from tests.pure.voices.recordings import recording

SUPERUSER = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("ada", password="lovelace")
"""
# A cache that would go on with the old sound for an hour: only what is told of changes can be quicker.
DATABASE = {"cache_seconds": 3600}
SECRET_KEY = "the same for all servers of an installation"


@dataclass
class Pair:
    """Two servers with the same kind of engine."""

    one: CloningServer
    two: CloningServer

    @property
    def prepared(self) -> int:
        return self.one.prepared() + self.two.prepared()


@pytest.fixture(scope="module", params=["files", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server | None]:
    if request.param == "files":
        yield None
        return
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, storage: S3Server | None) -> Iterator[Pair]:
    """Each on one of the two web servers, with a data folder of its own."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    shared = tmp_path_factory.mktemp("shared")
    sections: dict[str, Any] = {"database": DATABASE, "database_url": f"sqlite:///{shared}/db.sqlite3"}
    if storage:
        sections["storage"] = storage.settings | {"timeout_seconds": 5}
    else:
        sections["storage"] = {"folder": str(shared / "recordings")}
    settings = [
        write_settings(folder, service={"server": program, "secret_key": SECRET_KEY}, **sections)
        for folder, program in zip(folders, ("uvicorn", "daphne"), strict=True)
    ]
    with ExitStack() as running:
        one, two = (running.enter_context(CloningServer(path, path.parent / "engine")) for path in settings)
        made = manage(settings[0], "shell", "-c", SUPERUSER)
        assert made.returncode == 0, made.stderr
        yield Pair(one, two)


def add_voice(server: LiveServer, pitch: int) -> str:
    files = {"files": ("a.wav", recording(pitch=pitch))}
    answer = httpx.post(f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, timeout=60)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["voice_id"])


@contextmanager
def signed_in(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60, follow_redirects=True) as client:
        client.get("/admin/login/")
        form = {"username": "ada", "password": "lovelace", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/admin/login/?next=/admin/voices/voice/", data=form).status_code == 200
        yield client


def states(client: httpx.Client, *pks: int) -> list[str]:
    told = client.get("/admin/voices/voice/states", params={"pk": list(pks)}).json()
    return [told[str(pk)]["state"] for pk in pks]


def pk_of(client: httpx.Client, voice_id: str) -> int:
    page = client.get("/admin/voices/voice/", params={"q": voice_id}).text
    return int(page.partition("/admin/voices/voice/")[2].partition('data-voice="')[2].partition('"')[0])


async def heard(server: CloningServer, voice_id: str) -> float:
    return level_of_turn(await say_to(server, voice_id))


async def test_what_is_changed_through_one_server_is_heard_through_the_other(pair: Pair) -> None:
    """The other server knows the voice, and looks at the database for changes only. How long that takes is its own law
    (`LOOK_SECONDS`); here, that it happens while its cache would keep the old sound for an hour."""
    voice_id = await asyncio.to_thread(add_voice, pair.one, 300)
    for server in (pair.two, pair.one):
        assert await heard(server, voice_id) == level_for(300)
    steps = upload(pair.one, voice_id, "recording(pitch=310)")
    await asyncio.to_thread(perform, pair.one, steps)
    for server in (pair.one, pair.two):
        async with asyncio.timeout(60):
            while await heard(server, voice_id) != level_for(310):
                await asyncio.sleep(0.05)


async def test_a_voice_is_prepared_before_anybody_asks_for_it_and_by_one_server(pair: Pair) -> None:
    before = pair.prepared
    voice_id = await asyncio.to_thread(add_voice, pair.one, 320)
    with signed_in(pair.two) as client:
        pk = pk_of(client, voice_id)
        await pair.one.until(lambda: states(client, pk) == ["ready"])
    assert pair.prepared == before + 1
    assert await heard(pair.two, voice_id) == level_for(320)
    assert pair.prepared == before + 1


async def test_the_admin_shows_how_far_a_voice_is(pair: Pair) -> None:
    with signed_in(pair.two) as client:
        with pair.one.held(), pair.two.held():
            voice_id = await asyncio.to_thread(add_voice, pair.one, 330)
            pk = pk_of(client, voice_id)
            await pair.one.until(lambda: states(client, pk) == ["computing"])
        await pair.one.until(lambda: states(client, pk) == ["ready"])
        assert states(client, pk) == ["ready"]


async def test_a_failure_is_shown_with_its_reason_until_the_recording_is_replaced(pair: Pair) -> None:
    await asyncio.to_thread(perform, pair.one, upload(pair.one, "short", "recording(1.0)"))
    with signed_in(pair.one) as client:
        pk = pk_of(client, "short")
        await pair.one.until(lambda: states(client, pk) == ["failed"])
        assert TOO_SHORT in client.get("/admin/voices/voice/").text
        await asyncio.to_thread(perform, pair.one, upload(pair.one, "short", "recording(pitch=340)"))
        await pair.one.until(lambda: states(client, pk) == ["ready"])


@pytest.mark.parametrize("name", ["one", "two"])
async def test_a_button_of_the_admin_speaks_with_all_recordings_or_with_one(pair: Pair, name: str) -> None:
    server: CloningServer = getattr(pair, name)
    voice_id = await asyncio.to_thread(add_voice, server, 350)
    files = {"files": ("b.wav", recording(pitch=360))}
    edit = f"{server.base_url}/v1/voices/{voice_id}/edit"
    answer = await asyncio.to_thread(httpx.post, edit, data={"name": "Anna"}, files=files, timeout=60)
    assert answer.status_code == 200
    with signed_in(server) as client:
        page = client.get(f"/admin/voices/voice/{pk_of(client, voice_id)}/change/").text
        addresses = [part.partition('"')[0] for part in page.split('data-hear="')[1:]]
        levels = [spoken(client, address) for address in addresses]
    assert levels[1:] == [level_for(350), level_for(360)]
    assert levels[0] == pytest.approx(await heard(server, voice_id), abs=1e-3)


def spoken(client: httpx.Client, address: str) -> float:
    """The level of what is heard after a press of the button."""
    headers = {"X-CSRFToken": client.cookies["csrftoken"], "Referer": str(client.base_url)}
    allowed = client.post(address, headers=headers)
    assert allowed.status_code == 200, allowed.text
    told = allowed.json()
    speech = client.post(told["address"], data={"ticket": told["ticket"]})
    assert (speech.status_code, speech.headers["content-type"]) == (200, "audio/pcm"), speech.text
    samples = memoryview(speech.content).cast("h")
    return sorted(samples)[len(samples) // 2] / 32_767


async def test_what_a_button_has_spoken_counts_as_use(pair: Pair) -> None:
    voice_id = await asyncio.to_thread(add_voice, pair.one, 380)
    with signed_in(pair.two) as client:
        spoken(client, f"/admin/voices/voice/{pk_of(client, voice_id)}/hear")
    count = f"""
from streaming.access.models import DailyUsage
print(DailyUsage.objects.filter(voice_id={voice_id!r}, requests=1, characters__gt=10).count())
"""

    def counted() -> str:
        return manage(pair.two.settings_file, "shell", "-v", "0", "-c", count).stdout

    await pair.two.until(lambda: counted() == "1\n")
    assert counted() == "1\n"


def test_nothing_but_a_ticket_has_a_sentence_spoken(pair: Pair) -> None:
    for server in (pair.one, pair.two):
        answer = httpx.post(f"{server.base_url}/v1/listen", data={"ticket": "1:2:3"}, timeout=60)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "invalid_ticket")


@pytest.mark.parametrize("storage", ["s3"], indirect=True, scope="module")
def test_a_storage_that_is_silent_is_an_error_of_http(pair: Pair, storage: S3Server) -> None:
    storage.stop()
    try:
        files = {"files": ("a.wav", recording(pitch=370))}
        answer = httpx.post(f"{pair.one.base_url}/v1/voices/add", data={"name": "A"}, files=files, timeout=120)
    finally:
        storage.go_on()
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "storage_unavailable")
