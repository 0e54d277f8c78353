"""A PostgreSQL cluster of the tests' own, in a folder of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.live_server import free_port

VERSIONS = Path("/usr/lib/postgresql")
OWNER = "xtts"


def programs() -> Path:
    """Debian keeps them out of PATH, a folder for each version."""
    found = sorted(VERSIONS.glob("*/bin"), key=lambda path: float(path.parent.name))
    assert found, "PostgreSQL is not installed: run .ci/system-packages as root"
    return found[-1]


class Cluster:
    """`initdb` and `postgres`. Root may run neither: then the user that Debian's package has made runs them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="xtts-postgres-"))
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._port = free_port()

    def __enter__(self) -> Self:
        try:
            options = (f"--username={OWNER}", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
            self._run("initdb", f"--pgdata={self._data}", *options)
            self._start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self._folder)

    def new_database(self, name: str) -> str:
        """Its URL."""
        self._run("createdb", "--host=127.0.0.1", f"--port={self._port}", f"--username={OWNER}", name)
        return f"postgres://{OWNER}@127.0.0.1:{self._port}/{name}"

    def restart(self) -> None:
        """Every connection breaks."""
        self._stop()
        self._start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Its processes stand still: connections stay open, and nothing is answered."""
        processes = self._processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Its processes are gone, without a goodbye; afterwards they are started again."""
        for pid in self._processes():
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        try:
            yield
        finally:
            self._start()

    def _processes(self) -> list[int]:
        """The first one, and those that it has started: one for each connection, among others."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [self._process.pid, *map(int, children.split())]

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _start(self) -> None:
        # The tests need no file to survive a power cut.
        options = ("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(self._folder))
        log = self._folder.joinpath("postgres.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self._data, "-p", str(self._port), *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._identity,
            )
        end = time.monotonic() + 60
        while self._ready().returncode != 0:
            assert self._process.poll() is None, self._folder.joinpath("postgres.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def _ready(self) -> subprocess.CompletedProcess[bytes]:
        return self._execute("pg_isready", "--host=127.0.0.1", f"--port={self._port}")

    def _run(self, name: str, *arguments: str) -> None:
        done = self._execute(name, *arguments)
        assert done.returncode == 0, done.stderr.decode()

    def _execute(self, name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(programs() / name), *arguments]
        return subprocess.run(
            command, capture_output=True, cwd=self._folder, check=False, timeout=120, **self._identity
        )
