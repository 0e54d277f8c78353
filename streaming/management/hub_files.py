"""Fetching large files from a model hub: resumed, verified, and in place only when they are whole.

A hub answers for a file with a redirect to where its bytes are. On the way it says the file's size and checksum: the sha256
of a large one, git's name for a small one. Both are checked.

The huggingface_hub package has a download, too, and does less (2.4.0, tried against the hub of the tests): it checks sizes,
but no checksum of what has come; it deletes what has come when it fails or is stopped, so that the next call begins at the
first byte; it takes a file that was damaged on disk for whole; and it refuses hubs that do not say the repository's commit.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

# The waiting time before each further try, in seconds. Tries are counted anew when anything has come.
PAUSES = (1.0, 2.0, 4.0, 8.0)
CHUNK_BYTES = 1 << 20
DEFAULT_HUB = "https://huggingface.co"
TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_TRANSIENT = (httpx.codes.TOO_MANY_REQUESTS, *range(500, 600))

# Called with the bytes that are there and, if the hub says so, the bytes of the whole file.
Report = Callable[[int, int | None], None]


class FetchError(Exception):
    """A file cannot be fetched; the message is one sentence for whoever wanted it."""


class NotOnHub(FetchError):
    """There is no such file."""


class _Unusable(Exception):
    """What an earlier attempt left is not the beginning of the file."""


class _Busy(Exception):
    """The server has an answer that may be another one soon."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """What the hub says of a file. `checksum`: 64 hexadecimal digits of sha256, or 40 of git's sha1."""

    size: int | None
    checksum: str | None

    def fits(self, path: Path) -> bool:
        """Whether the file at `path` is the one, as far as the hub has said."""
        if self.size not in (None, _size(path)):
            return False
        return self.checksum is None or self.checksum == _checksum(path, is_git=len(self.checksum) == 40)


def hub_address(asked: str | None) -> str:
    """The hub that was asked for, else that of HF_ENDPOINT, else DEFAULT_HUB."""
    return (asked or os.environ.get("HF_ENDPOINT") or DEFAULT_HUB).rstrip("/")


def kept(folder: Path) -> str:
    """What to add to an error if the download can continue where it ended."""
    return " The downloaded part is kept; run the same command again to continue." if any(folder.glob("*.part")) else ""


def hub_client() -> httpx.Client:
    # Uncompressed: sizes and ranges count the bytes of the file.
    return httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"})


def fetch(client: httpx.Client, url: str, target: Path, report: Report, pauses: tuple[float, ...] = PAUSES) -> bool:
    """Bring the file at `url` to `target`; false if it is there already.

    What has come of it is kept in `target.part`, from which the next attempt goes on: here, or in a later call. Raises
    FetchError.
    """
    part = target.with_name(f"{target.name}.part")
    tries, was_reached, has_begun_anew = 0, False, False
    while True:
        before = _size(part)
        try:
            return _attempt(client, url, target, part, report)
        except _Unusable:
            part.unlink()
            if has_begun_anew:
                raise _wrong(url) from None
            has_begun_anew = True
        except (httpx.RequestError, httpx.InvalidURL, _Busy) as error:
            has_grown = _size(part) > before
            was_reached |= has_grown or isinstance(error, httpx.ReadError | httpx.RemoteProtocolError | _Busy)
            tries = 1 if has_grown else tries + 1
            if not was_reached or tries > len(pauses):
                raise FetchError(f"{url} cannot be downloaded: {_reason(error)}.") from None
            time.sleep(pauses[tries - 1])
        except OSError as error:
            raise FetchError(f"{part} cannot be written: {error.strerror}.") from None


def _attempt(client: httpx.Client, url: str, target: Path, part: Path, report: Report) -> bool:
    with part.open("ab") as file:
        _lock(file, part)
        try:
            return _download(client, url, target, file, report)
        finally:
            if part.exists() and not _size(part):
                part.unlink()


def _lock(file: BinaryIO, part: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FetchError(f"Another process is already writing {part}.") from None


def _download(client: httpx.Client, url: str, target: Path, file: BinaryIO, report: Report) -> bool:
    part = Path(file.name)
    have = _size(part)
    with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as response:
        _require_success(response, url, have)
        announced = _announced(response)
        if announced.checksum and target.is_file() and announced.fits(target):
            part.unlink()
            return False
        if response.status_code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            _receive(response, file, announced.size, report)
    file.flush()
    os.fsync(file.fileno())
    if not announced.fits(part):
        if response.status_code != httpx.codes.OK:
            raise _Unusable
        part.unlink()
        raise _wrong(url)
    part.replace(target)
    return True


def _require_success(response: httpx.Response, url: str, have: int) -> None:
    """Raises for an answer with which nothing can be done. `have`: the bytes from which on the rest was asked for."""
    status = response.status_code
    said = f"the server answers {status} {response.reason_phrase}".rstrip()
    if status == httpx.codes.NOT_FOUND:
        raise NotOnHub(f"{url} does not exist (404).")
    if status in _TRANSIENT:
        raise _Busy(said)
    if status == httpx.codes.PARTIAL_CONTENT and have:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Unusable
    elif status != httpx.codes.OK and not (status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have):
        raise FetchError(f"{url} cannot be downloaded: {said}.")


def _announced(response: httpx.Response) -> _Announced:
    headers = [hop.headers for hop in (*response.history, response)]
    last = headers[-1]
    # The hub's own words, if there are any: an ETag of whoever stores the bytes may be anything.
    tag = next((hop["X-Linked-ETag"] for hop in headers if "X-Linked-ETag" in hop), last.get("ETag", ""))
    checksum = re.fullmatch(r'(?:W/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?', tag.strip())
    whole = last.get("Content-Range", "").rpartition("/")[2] or last.get("Content-Length", "")
    size = next((hop["X-Linked-Size"] for hop in headers if "X-Linked-Size" in hop), whole)
    return _Announced(int(size) if size.isdecimal() else None, checksum[1] if checksum else None)


def _receive(response: httpx.Response, file: BinaryIO, size: int | None, report: Report) -> None:
    have = file.seek(0, os.SEEK_END)
    if response.status_code == httpx.codes.OK and have:
        have = file.truncate(0)  # all of it comes, whatever was asked for
    _require_room(Path(file.name), (size or 0) - have)
    report(have, size)
    for chunk in response.iter_bytes(CHUNK_BYTES):
        have += file.write(chunk)
        report(have, size)
    if size is not None and have < size:
        raise httpx.RemoteProtocolError("the connection ended too early")


def _require_room(part: Path, missing: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        needed = f"{missing / 1e9:.2f} GB are needed, but only {free / 1e9:.2f} GB are free"
        raise FetchError(f"{part} cannot be written: {os.strerror(errno.ENOSPC)} ({needed}).")


def _wrong(url: str) -> FetchError:
    return FetchError(f"{url} has a wrong size or checksum: the downloaded data is not the announced file.")


def _checksum(path: Path, *, is_git: bool) -> str:
    digest = hashlib.sha1(b"blob %d\0" % _size(path), usedforsecurity=False) if is_git else hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
