import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import encoded, recording, speech
from voices.models import ReferenceClip, Voice
from voices.views import requested_range

CONTENT = recording()
SIZE = len(CONTENT)


@pytest.fixture
def clip(voice: Voice, add_clip: AddClip) -> ReferenceClip:
    return add_clip(voice, CONTENT)


@pytest.fixture
def address(clip: ReferenceClip) -> str:
    return reverse("admin:voices_clip_audio", args=[clip.pk])


def get_range(client: Client, address: str, value: str) -> HttpResponse:
    return client.get(address, headers={"Range": value})  # type: ignore[return-value]


def test_strangers_are_sent_to_the_login(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_users_who_are_not_staff_are_sent_to_the_login(client: Client, address: str) -> None:
    client.force_login(User.objects.create_user("guest"))
    assert client.get(address).status_code == 302


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        ((), 403),
        (("view_voice",), 403),
        (("view_referenceclip",), 403),
        (("change_voice", "add_referenceclip", "delete_referenceclip"), 403),
        (("view_voice", "view_referenceclip"), 200),
        (("change_voice", "change_referenceclip"), 200),
    ],
)
def test_staff_needs_the_right_to_see_recordings(
    client: Client, address: str, clip: ReferenceClip, rights: tuple[str, ...], status: int
) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    assert client.get(address).status_code == status
    page = client.get(f"/admin/voices/voice/{clip.voice.pk}/change/")
    assert (address in page.content.decode()) is (status == 200)
    assert str(clip.file) not in page.content.decode()


def test_serves_the_whole_recording(admin_client: Client, address: str, clip: ReferenceClip) -> None:
    response = admin_client.get(address)
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response["Content-Type"] == "audio/wav"
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == f'inline; filename="anna-{clip.pk}.wav"'


def test_the_type_is_that_of_the_content_and_not_of_the_name(
    admin_client: Client, voice: Voice, add_clip: AddClip
) -> None:
    clip = add_clip(voice, encoded(speech(), container="FLAC"), name="page.html")
    response = admin_client.get(reverse("admin:voices_clip_audio", args=[clip.pk]))
    assert response["Content-Type"] == "audio/flac"
    assert "html" not in response["Content-Disposition"]


def test_serves_a_range(admin_client: Client, address: str) -> None:
    response = get_range(admin_client, address, "bytes=100-199")
    assert response.status_code == 206
    assert response.content == CONTENT[100:200]
    assert response["Content-Range"] == f"bytes 100-199/{SIZE}"
    assert response["Content-Length"] == "100"


def test_a_range_beyond_the_end_is_not_satisfiable(admin_client: Client, address: str) -> None:
    response = get_range(admin_client, address, f"bytes={SIZE}-")
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert response.content == b""


@pytest.mark.parametrize("value", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "x"])
def test_what_is_no_single_range_gets_the_whole_recording(admin_client: Client, address: str, value: str) -> None:
    response = get_range(admin_client, address, value)
    assert response.status_code == 200
    assert response.content == CONTENT


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=10-", range(10, 100)),
        ("bytes=10-1000", range(10, 100)),
        ("bytes=-30", range(70, 100)),
        ("bytes=-1000", range(100)),
        ("Bytes=1-2", range(1, 3)),
        ("bytes=-0", range(0)),
        ("bytes=100-", range(0)),
        (f"bytes={10**40}-", range(0)),
        ("", None),
        ("bytes=1-2, 4-5", None),
        ("bytes=٣-", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges_of_a_hundred_bytes(header: str, expected: range | None) -> None:
    assert requested_range(header, 100) == expected


def test_head_tells_the_size_and_ignores_ranges(admin_client: Client, address: str) -> None:
    response = admin_client.head(address, headers={"Range": "bytes=0-9"})
    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)
    assert response.content == b""


def test_other_methods_are_refused(admin_client: Client, address: str) -> None:
    assert admin_client.post(address).status_code == 405


@pytest.mark.parametrize("pk", [999_999, 10**30])
def test_an_unknown_recording_is_not_found(admin_client: Client, pk: int) -> None:
    assert admin_client.get(reverse("admin:voices_clip_audio", args=[pk])).status_code == 404


def test_a_lost_file_is_not_found(admin_client: Client, address: str, clip: ReferenceClip) -> None:
    clip.file.storage.delete(str(clip.file.name))
    assert admin_client.get(address).status_code == 404
