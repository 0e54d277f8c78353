"""Recordings in a bucket of S3, or of anything that speaks its protocol.

The one module that imports boto3. One client serves all threads: botocore's clients may be shared, and making one takes as
long as many requests. There are no addresses for browsers: every byte goes through this server, which knows who may hear it.
"""

import datetime
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils import timezone
from django.utils.deconstruct import deconstructible
from django.utils.functional import cached_property

from voices.daemon_threads import DaemonThreads, TooMuchWork
from voices.storage import StorageUnavailable, Trouble

logger = logging.getLogger("voices.storage")

ATTEMPTS = 2
# That many threads speak with the storage at the same time; others wait for one of them.
CONNECTIONS = 32
# What a line that is worth waiting for moves in a second.
BYTES_PER_SECOND = 2**20
CHUNK_BYTES = 4096
_threads = DaemonThreads("storage", CONNECTIONS)
_DENIED = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403", "401"}
)
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


@deconstructible
class S3Storage(Storage):
    """`timeout_seconds`: how long the storage may take for a request, and for each megabyte a second more. Keys that are not
    given are looked for where AWS's own tools look: AWS_ACCESS_KEY_ID, ~/.aws, the role of the machine.

    Objects get no rights of their own: they are as private as the bucket. A key needs the rights to get, put and delete
    objects, and to list the bucket: without that, S3 answers "denied" for an object that does not exist.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        prefix: str = "",
        timeout_seconds: float = 10.0,
    ) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._timeout = timeout_seconds

    def read_part(self, name: str, part: range) -> bytes:
        """Raises OSError."""
        return self._get(name, Range=f"bytes={part.start}-{part.stop - 1}")

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """As it is: names of recordings are random, and to ask whether one is taken needs the right to list the bucket."""
        return name

    def delete(self, name: str) -> None:
        """Raises StorageUnavailable."""
        self._ask(name, 0, lambda client, place: client.delete_object(**place))

    def exists(self, name: str) -> bool:
        """Raises StorageUnavailable."""
        try:
            self.size(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Raises OSError."""
        return int(self._ask(name, 0, lambda client, place: client.head_object(**place)["ContentLength"]))

    def get_modified_time(self, name: str) -> datetime.datetime:
        """Raises OSError."""
        modified: datetime.datetime = self._ask(name, 0, lambda client, at: client.head_object(**at)["LastModified"])
        return modified if settings.USE_TZ else timezone.make_naive(modified)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The names of the objects in a folder. Raises StorageUnavailable."""
        names: list[str] = []
        page: dict[str, Any] = {"IsTruncated": True}
        while page["IsTruncated"]:
            page = self._page(f"{self._prefix}{path.strip('/')}/", page.get("NextContinuationToken"))
            names += page["names"]
        return [], names

    def _page(self, prefix: str, token: str | None) -> dict[str, Any]:
        options = {"Prefix": prefix, "Delimiter": "/"} | ({"ContinuationToken": token} if token else {})
        page: dict[str, Any] = self._ask(
            prefix, 0, lambda client, at: client.list_objects_v2(Bucket=at["Bucket"], **options)
        )
        return page | {"names": [entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())]}

    def url(self, name: str | None) -> NoReturn:
        raise NotImplementedError("Recordings have no address: the admin hands them out by its own rules.")

    def _open(self, name: str, mode: str = "rb") -> "ContentFile[bytes]":
        if mode != "rb":
            raise NotImplementedError("A recording is stored once, and read.")
        return ContentFile(self._get(name), name)

    def _save(self, name: str, content: Any) -> str:
        size = content.size
        content.seek(0)  # like Django's own storages: whoever has made a file is at its end
        self._ask(
            name,
            size,
            lambda client, place: client.put_object(**place, Body=content, ContentLength=size),
            if_late=self._delete_late,
        )
        return name

    def _delete_late(self, place: dict[str, str]) -> None:
        """Nobody knows of an object that was stored after its upload had been given up."""
        try:
            with _failures(place["Key"]):
                self._client.delete_object(**place)
        except OSError:
            logger.warning("The object %s is left: its upload was given up", place["Key"])

    def _get(self, name: str, **options: str) -> bytes:
        answer = self._ask(name, 0, lambda client, place: client.get_object(**place, **options))
        size, body = int(answer["ContentLength"]), answer["Body"]
        end = time.monotonic() + self._seconds(size)

        def read(*_: Any) -> bytes:
            # Closed by the thread that reads it, when there is nobody any more who waits for it.
            with body:
                content = b"".join(takewhile(lambda _: time.monotonic() < end, body.iter_chunks(CHUNK_BYTES)))
            if len(content) != size:
                raise TimeoutError
            return content

        return bytes(self._ask(name, size, read))

    def _ask(
        self,
        name: str,
        size: int,
        question: Callable[[Any, dict[str, str]], Any],
        *,
        if_late: Callable[[dict[str, str]], None] | None = None,
    ) -> Any:
        """`size`: how many bytes are moved. On a thread that may get stuck: a storage that sends a byte now and then is
        never silent for long, and names of hosts are looked up without any limit. What has not begun when it is given up
        is not done; `if_late` is called when it ends after that. Raises OSError."""
        place = {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}
        with _failures(name):
            answer = _threads.submit(lambda: question(self._client, place))
            try:
                return answer.result(self._seconds(size))
            except TimeoutError:
                if not answer.cancel() and if_late:
                    answer.add_done_callback(lambda _: _threads.submit(if_late, place))
                raise

    def _seconds(self, size: int) -> float:
        return self._timeout + size / BYTES_PER_SECOND

    @cached_property
    def _client(self) -> Any:
        # A session of its own: boto3's shared one may not be used by several threads at once.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=self._region,
            aws_access_key_id=self._access_key,
            aws_secret_access_key=self._secret_key,
            config=Config(
                connect_timeout=self._timeout / ATTEMPTS,
                read_timeout=self._timeout / ATTEMPTS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=CONNECTIONS,
                # Others than Amazon's have their buckets in the path, and not all of them know its newer checksums. (Each
                # recording is compared with the hash of what was uploaded when it is used.)
                s3={"addressing_style": "path" if self._endpoint else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


@contextmanager
def _failures(name: str) -> Iterator[None]:
    """Whatever fails is an OSError: FileNotFoundError, or StorageUnavailable with a sentence. The details
    name hosts: they are for the log only."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _ABSENT:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None
        trouble: Trouble = "denied" if code in _DENIED else "no_bucket" if code == "NoSuchBucket" else "broken"
        raise _unavailable(trouble, error) from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _unavailable("denied", error) from None
    except (HTTPClientError, ConnectionError, TimeoutError, TooMuchWork) as error:
        raise _unavailable("silent", error) from None
    except BotoCoreError as error:
        raise _unavailable("broken", error) from None


def _unavailable(trouble: Trouble, error: Exception) -> StorageUnavailable:
    logger.warning(
        "The storage of the recordings cannot be used: %s", " ".join(str(error).split()) or "no answer in time"
    )
    return StorageUnavailable(trouble)
