"""A real S3 server (moto's, which keeps everything in memory) in a process of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3

from benchmarks.live_server import free_port

BUCKET = "recordings"


class S3Server:
    """On a port of its own, with the bucket BUCKET. `keys`: after so many requests, keys have to be right (none is)."""

    def __init__(self, folder: Path, *, trusts_everybody: bool = True) -> None:
        self._log_path = folder / "s3.log"
        self._trusts_everybody = trusts_everybody
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        # The first request that counts makes the bucket.
        environment = {} if self._trusts_everybody else {"INITIAL_NO_AUTH_ACTION_COUNT": "1"}
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
            )
        try:
            self._wait()
            self.client.create_bucket(Bucket=BUCKET)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def settings(self) -> dict[str, Any]:
        """The section `storage`."""
        return {"bucket": BUCKET, "endpoint": self.url, "region": "us-east-1", "access_key": "a", "secret_key": "b"}

    @property
    def client(self) -> Any:
        return boto3.session.Session().client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def stop(self) -> None:
        """It takes connections from now on, and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/moto-api/", timeout=10):  # noqa: S310
                    return
            except OSError:
                assert self.process.poll() is None, self._log_path.read_text(errors="replace")
                assert time.monotonic() < end, "the S3 server did not start"
                time.sleep(0.05)
