"""Recordings in a bucket of a real S3 server, and what is told when that cannot be used."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils.translation import override
from pytest_django import Settings

from tests.live.s3_server import BUCKET, S3Server
from tests.pure.voices.recordings import recording
from voices import clip_files, s3
from voices.clip_files import FileNotStored
from voices.conditioning import RecordingsUnusable, clip_bytes
from voices.daemon_threads import DaemonThreads
from voices.library import create_voice
from voices.models import ReferenceClip, Voice
from voices.s3 import S3Storage
from voices.storage import StorageUnavailable, read_part

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning:botocore")
SILENT = "The storage of the recordings does not answer."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        yield running


def storage_of(server: S3Server, **options: Any) -> S3Storage:
    return S3Storage(**server.settings | options)


@pytest.fixture(autouse=True)
def _forgets_that_a_storage_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_files, "_away_until", 0.0)


@pytest.fixture
def in_bucket(settings: Settings, server: S3Server) -> S3Server:
    """The recordings of this test are there."""
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "voices.s3.S3Storage", "OPTIONS": server.settings}}
    return server


@pytest.fixture
def clip(db: None, in_bucket: S3Server) -> ReferenceClip:
    create_voice("Anna", [ContentFile(recording(), "anna.wav")], description="", labels={}, language="")
    return ReferenceClip.objects.get()


def with_clips(voice: Voice) -> Voice:
    return Voice.objects.prefetch_related("clips").get(pk=voice.pk)


def test_what_is_saved_is_there_until_it_is_deleted(server: S3Server) -> None:
    storage = storage_of(server, prefix="speech")
    name = storage.save("clips/a.wav", ContentFile(b"sound"))
    assert "speech/clips/a.wav" in server.names()
    assert (storage.open(name).read(), storage.size(name), storage.exists(name)) == (b"sound", 5, True)
    storage.delete(name)
    assert not storage.exists(name)


def test_many_threads_share_a_storage(server: S3Server) -> None:
    storage, contents = storage_of(server), {f"t/{number}": bytes([number]) * 1000 for number in range(50)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: storage.save(name, ContentFile(contents[name])), contents))
        read = dict(zip(contents, pool.map(lambda name: storage.open(name).read(), contents), strict=True))
    assert read == contents


def test_a_recording_goes_to_the_bucket_under_a_random_name(clip: ReferenceClip, in_bucket: S3Server) -> None:
    assert str(clip.file.name) in in_bucket.names()
    assert len(str(clip.file.name).removeprefix("clips/").removesuffix(".wav")) == 32
    clip.voice.delete()


def test_nobody_but_the_owner_has_rights_to_a_recording(clip: ReferenceClip, in_bucket: S3Server) -> None:
    rights = in_bucket.client.get_object_acl(Bucket=BUCKET, Key=str(clip.file.name))
    assert [grant["Grantee"]["Type"] for grant in rights["Grants"]] == ["CanonicalUser"]
    assert [grant["Grantee"]["ID"] for grant in rights["Grants"]] == [rights["Owner"]["ID"]]
    with pytest.raises(NotImplementedError):
        _ = clip.file.url


def test_of_a_range_no_more_is_fetched(server: S3Server) -> None:
    storage, fetched = storage_of(server), []
    storage.save("big", ContentFile(bytes(100) + b"part" + bytes(10**6)))
    storage._client.meta.events.register("before-send.s3.GetObject", lambda request, **_: fetched.append(request))
    clip = ReferenceClip(file="big")
    clip.file.storage = storage
    assert read_part(clip.file, range(100, 104)) == b"part"
    assert [request.headers["Range"] for request in fetched] == [b"bytes=100-103"]


@pytest.mark.django_db
def test_the_admin_plays_a_range_of_a_recording(admin_client: Client, clip: ReferenceClip) -> None:
    answer = admin_client.get(f"/admin/voices/voice/clips/{clip.pk}/audio", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, b"RIFF")


@pytest.mark.django_db
def test_a_voice_is_prepared_from_the_bucket(clip: ReferenceClip) -> None:
    [content] = asyncio.run(clip_bytes(with_clips(clip.voice)))
    assert content.startswith(b"RIFF")


def test_what_is_in_a_folder_can_be_listed_page_by_page(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = storage_of(server, prefix="listed")
    asked = storage._client.list_objects_v2
    monkeypatch.setattr(storage._client, "list_objects_v2", lambda **options: asked(**options, MaxKeys=2))
    for name in ("clips/a", "clips/b", "clips/c", "copies/d"):
        storage.save(name, ContentFile(b"x"))
    assert storage.listdir("clips") == ([], ["a", "b", "c"])


def test_objects_that_no_recording_names_are_found_and_removed(clip: ReferenceClip, in_bucket: S3Server) -> None:
    orphan = storage_of(in_bucket).save(f"clips/{32 * '0'}.wav", ContentFile(b"x"))
    call_command("remove_orphans", "--delete", "--hours=0", stdout=StringIO())
    assert orphan not in in_bucket.names()
    assert str(clip.file.name) in in_bucket.names()


def test_a_lost_object_is_a_lost_file(server: S3Server) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        storage_of(server).open("gone")


def test_a_storage_that_is_down_is_told_at_once(tmp_path: Path) -> None:
    with S3Server(tmp_path) as server:
        pass
    with pytest.raises(StorageUnavailable) as raised:
        storage_of(server).save("a", ContentFile(b"a"))
    assert str(raised.value) == SILENT


def test_a_storage_that_says_nothing_is_given_up(server: S3Server) -> None:
    storage = storage_of(server, timeout_seconds=0.4)
    server.stop()
    try:
        with pytest.raises(StorageUnavailable, match="does not answer"):
            storage.open("a")
    finally:
        server.go_on()


def test_a_storage_that_sends_a_byte_now_and_then_is_given_up(server: S3Server) -> None:
    """It never says nothing for long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_trickle, args=[listener], daemon=True).start()
        storage = storage_of(server, endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=1.0)
        with pytest.raises(StorageUnavailable, match="does not answer"):
            storage.open("a")


def _trickle(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        client.settimeout(0.05)
        try:
            while True:
                client.sendall(b"x")
                try:
                    if not client.recv(1):
                        return
                except TimeoutError:
                    continue
        except OSError:
            return


def test_half_an_object_is_not_taken_for_a_whole_one(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for reading is over while the answer is still waited for."""
    storage = storage_of(server, timeout_seconds=60)
    storage.save("half", ContentFile(bytes(10**6)))
    clock = iter([0.0, 0.0])
    monkeypatch.setattr(s3, "time", SimpleNamespace(monotonic=lambda: next(clock, 1e9)))
    with pytest.raises(StorageUnavailable, match="does not answer"):
        storage.open("half")


@pytest.fixture
def held(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[S3Storage, threading.Event, list[str]]]:
    """A storage with one thread, whose requests begin when the event is set; and what has been asked."""
    monkeypatch.setattr(s3, "_threads", DaemonThreads("held", 1))
    storage, may_go, asked = storage_of(server, timeout_seconds=60), threading.Event(), list[str]()

    def hold(request: Any, event_name: str, **_: Any) -> None:
        may_go.wait()
        asked.append(f"{event_name.rpartition('.')[2]} {request.url.rpartition('/')[2]}")

    storage._client.meta.events.register("before-send.s3", hold)
    yield storage, may_go, asked
    may_go.set()


def test_an_upload_that_ends_after_it_was_given_up_leaves_no_object(
    held: tuple[S3Storage, threading.Event, list[str]], server: S3Server
) -> None:
    storage, may_go, asked = held
    storage._timeout = 0.2
    with pytest.raises(StorageUnavailable):
        storage.save("late", ContentFile(b"sound"))
    storage._timeout = 60
    may_go.set()
    while "DeleteObject late" not in asked:
        storage.exists("another")
    assert not storage.exists("late")
    assert [request for request in asked if "late" in request][:2] == ["PutObject late", "DeleteObject late"]


def test_what_is_given_up_before_it_has_begun_is_not_done(
    held: tuple[S3Storage, threading.Event, list[str]],
) -> None:
    storage, may_go, asked = held
    storage._timeout = 0.2
    for name in ("first", "second"):
        with pytest.raises(StorageUnavailable):
            storage.save(name, ContentFile(b"sound"))
    storage._timeout = 60
    may_go.set()
    storage.save("third", ContentFile(b"sound"))
    assert [request for request in asked if "Put" in request] == ["PutObject first", "PutObject third"]


@pytest.mark.django_db
def test_a_copy_that_is_denied_is_made_again(clip: ReferenceClip) -> None:
    """So S3 answers for an object that does not exist whoever may not list the bucket."""
    before = str(clip.model_copy.name)
    deny(clip, "copies/")
    [content] = async_to_sync(clip_bytes)(with_clips(clip.voice))
    assert content.startswith(b"RIFF")
    assert ReferenceClip.objects.get().model_copy.name != before


@pytest.mark.django_db
def test_a_recording_that_is_denied_is_told_in_english_to_programs(clip: ReferenceClip, settings: Settings) -> None:
    deny(clip, "")
    settings.LANGUAGE_CODE = "ru"
    with (
        override("ru"),
        pytest.raises(RecordingsUnusable, match="cannot be read: the storage of the recordings denies"),
    ):
        asyncio.run(clip_bytes(with_clips(clip.voice)))


def deny(clip: ReferenceClip, folder: str) -> None:
    """Objects in the folder are answered as those are that the key may not get."""

    def answer(params: dict[str, Any], **_: Any) -> Any:
        if f"/{folder}" in params["url_path"]:
            return SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}
        return None

    storage: Any = clip.file.storage
    storage._client.meta.events.register("before-call.s3.GetObject", answer)


def test_a_storage_that_denies_access_says_what_to_check(tmp_path: Path) -> None:
    with S3Server(tmp_path, trusts_everybody=False) as server, pytest.raises(StorageUnavailable) as raised:
        storage_of(server).save("a", ContentFile(b"a"))
    assert raised.value.trouble == "denied"
    assert "keys have to be checked" in str(raised.value)


def test_a_bucket_that_does_not_exist_is_told(server: S3Server) -> None:
    with pytest.raises(StorageUnavailable, match="does not exist"):
        storage_of(server, bucket="another").save("a", ContentFile(b"a"))


@pytest.mark.django_db
def test_a_voice_whose_recordings_cannot_be_fetched_is_refused_with_the_reason(
    clip: ReferenceClip, in_bucket: S3Server, settings: Settings
) -> None:
    options = in_bucket.settings | {"bucket": "another"}
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "voices.s3.S3Storage", "OPTIONS": options}}
    with pytest.raises(RecordingsUnusable, match="cannot be read: the bucket for the recordings does not exist"):
        asyncio.run(clip_bytes(with_clips(clip.voice)))


@pytest.mark.django_db
def test_nothing_is_left_of_a_voice_whose_recording_cannot_be_stored(in_bucket: S3Server, settings: Settings) -> None:
    options = in_bucket.settings | {"bucket": "another"}
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "voices.s3.S3Storage", "OPTIONS": options}}
    with pytest.raises(FileNotStored, match="the bucket for the recordings does not exist"):
        create_voice("Anna", [SimpleUploadedFile("a.wav", recording())], description="", labels={}, language="")
    assert not Voice.objects.exists()
