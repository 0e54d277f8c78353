"""Files from a hub, over real connections that break, lie and start again."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import free_port
from streaming.management.hub_files import FetchError, NotOnHub, fetch, hub_client
from tests.process.management.hub import Hub

# Random, and with an end that no test writes in its place.
CONTENT = os.urandom(2_999_999) + b"."
MODEL = "/model.pth"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(large={MODEL: CONTENT}, small={"/config.json": b'{"model": "xtts"}'}) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with hub_client() as client:
        yield client


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.pth"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "model.pth.part"


def get(hub: Hub, client: httpx.Client, target: Path, path: str = MODEL) -> bool:
    return fetch(client, hub.url + path, target, lambda have, size: None, pauses=(0.0, 0.0))


def refusal(hub: Hub, client: httpx.Client, target: Path, path: str = MODEL) -> str:
    with pytest.raises(FetchError) as caught:
        get(hub, client, target, path)
    return str(caught.value)


def ranges(hub: Hub) -> list[str | None]:
    return [asked for path, asked in hub.requests if path.startswith("/store")]


def test_a_large_file_comes_from_where_the_hub_says(hub: Hub, client: httpx.Client, target: Path) -> None:
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["model.pth"]


def test_a_small_file_comes_from_the_hub(hub: Hub, client: httpx.Client, target: Path) -> None:
    assert get(hub, client, target, "/config.json")
    assert target.read_bytes() == b'{"model": "xtts"}'


def test_progress_is_told_from_the_beginning_to_the_end(hub: Hub, client: httpx.Client, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    fetch(client, hub.url + MODEL, target, lambda have, size: told.append((have, size)))
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


@pytest.mark.parametrize("path", [MODEL, "/config.json"])
def test_what_is_there_is_not_fetched_again(hub: Hub, client: httpx.Client, target: Path, path: str) -> None:
    get(hub, client, target, path)
    before = target.stat().st_mtime_ns
    assert not get(hub, client, target, path)
    assert target.stat().st_mtime_ns == before
    assert os.listdir(target.parent) == ["model.pth"]


def test_another_version_is_replaced(hub: Hub, client: httpx.Client, target: Path) -> None:
    target.write_bytes(CONTENT[:-1] + b"x")
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_breaks_is_taken_up_again(hub: Hub, client: httpx.Client, target: Path) -> None:
    hub.break_after = [1_200_000, 700_000]
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert [asked is None for asked in ranges(hub)] == [True, False, False]


def test_the_next_call_goes_on_from_what_has_come(hub: Hub, client: httpx.Client, target: Path, part: Path) -> None:
    hub.break_after = [1_500_000, 0, 0]
    assert "cannot be downloaded: peer closed connection" in refusal(hub, client, target)
    assert not target.exists()
    have = part.stat().st_size
    assert 0 < have <= 1_500_000
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert ranges(hub)[-1] == f"bytes={have}-"


def test_a_server_without_ranges_sends_everything_again(
    hub: Hub, client: httpx.Client, target: Path, part: Path
) -> None:
    hub.knows_ranges = False
    part.write_bytes(CONTENT[:1000])
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "left",
    [b"of another version", CONTENT + b"too long", b"x" * len(CONTENT), CONTENT[:-1] + b"x"],
    ids=["other", "longer", "other of the same size", "wrong at the end"],
)
def test_a_beginning_of_something_else_is_thrown_away(
    hub: Hub, client: httpx.Client, target: Path, part: Path, left: bytes
) -> None:
    part.write_bytes(left)
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert ranges(hub) == [f"bytes={len(left)}-", None]


def test_a_part_that_is_whole_is_only_verified(hub: Hub, client: httpx.Client, target: Path, part: Path) -> None:
    part.write_bytes(CONTENT)
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert ranges(hub) == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("checksum", ["0" * 64, "0" * 40])
def test_a_wrong_checksum_is_refused(hub: Hub, client: httpx.Client, target: Path, part: Path, checksum: str) -> None:
    hub.announced[MODEL] = checksum
    target.write_bytes(b"the one before")
    assert "wrong size or checksum" in refusal(hub, client, target)
    assert target.read_bytes() == b"the one before"
    assert not part.exists()


def test_more_than_was_announced_is_refused(hub: Hub, client: httpx.Client, target: Path, part: Path) -> None:
    hub.sizes[MODEL] = len(CONTENT) - 5
    assert "wrong size or checksum" in refusal(hub, client, target)
    assert not part.exists()


def test_less_than_was_announced_is_refused_in_the_end(
    hub: Hub, client: httpx.Client, target: Path, part: Path
) -> None:
    hub.sizes[MODEL] = len(CONTENT) + 5
    assert "wrong size or checksum" in refusal(hub, client, target)
    assert not part.exists()


def test_without_a_checksum_the_size_has_to_do(hub: Hub, client: httpx.Client, target: Path) -> None:
    hub.tells_checksums = False
    assert get(hub, client, target)
    assert target.read_bytes() == CONTENT
    assert get(hub, client, target), "it might be another version"


def test_a_busy_server_is_asked_again(hub: Hub, client: httpx.Client, target: Path) -> None:
    hub.busy = 2
    assert get(hub, client, target)
    hub.busy = 100
    assert "the server answers 503 Service Unavailable" in refusal(hub, client, target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_is_not_there_is_said(hub: Hub, client: httpx.Client, target: Path) -> None:
    with pytest.raises(NotOnHub, match=r"/vocab\.json does not exist \(404\)\."):
        get(hub, client, target, "/vocab.json")
    assert os.listdir(target.parent) == []


def test_nobody_at_the_address_is_said_at_once(client: httpx.Client, target: Path, part: Path) -> None:
    part.write_bytes(b"kept")
    url = f"http://127.0.0.1:{free_port()}/model.pth"
    with pytest.raises(FetchError, match=r"cannot be downloaded: .*[Cc]onnection refused\.$"):
        fetch(client, url, target, lambda have, size: None, pauses=(1000.0,))
    assert part.read_bytes() == b"kept"


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/model.pth", "http://[model", "http://host:99999/model.pth"])
def test_an_address_that_is_none_is_said_at_once(client: httpx.Client, target: Path, url: str) -> None:
    with pytest.raises(FetchError, match="cannot be downloaded"):
        fetch(client, url, target, lambda have, size: None, pauses=(1000.0,))
    assert os.listdir(target.parent) == []


def test_too_little_room_is_said_before_anything_comes(hub: Hub, client: httpx.Client, target: Path) -> None:
    hub.sizes[MODEL] = 10**18
    assert "No space left on device (1000000000.00 GB are needed, " in refusal(hub, client, target)
    assert os.listdir(target.parent) == []


def test_a_disk_that_fills_up_is_said(hub: Hub, client: httpx.Client, target: Path, part: Path) -> None:
    part.symlink_to("/dev/full")
    assert refusal(hub, client, target) == f"{part} cannot be written: No space left on device."


def test_a_folder_that_is_none_is_said(hub: Hub, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written: Not a directory." in refusal(hub, client, tmp_path / "file" / "model.pth")


def test_two_do_not_write_the_same_file(hub: Hub, client: httpx.Client, target: Path) -> None:
    told: list[str] = []

    def second(have: int, size: int | None) -> None:
        if not told:
            told.append(refusal(hub, client, target))

    assert fetch(client, hub.url + MODEL, target, second)
    assert told == [f"Another process is already writing {target}.part."]
    assert target.read_bytes() == CONTENT
