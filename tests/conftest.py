import json
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import certifi

from benchmarks import made_once

# Before Django reads its settings: neither the developer's config.yaml nor their environment has a say in the tests.
_directory = tempfile.TemporaryDirectory(prefix="xtts-tests-")
for _variable in [name for name in os.environ if name.startswith("XTTS_") or name in ("REDIS_URL", "DATABASE_URL")]:
    del os.environ[_variable]
os.environ["XTTS_SETTINGS_FILE"] = str(Path(_directory.name) / "config.yaml")
Path(os.environ["XTTS_SETTINGS_FILE"]).write_text("service:\n  data_dir: var\n")

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where no byte code is kept beside the sources, every server and engine that a test starts would compile Django, PyTorch and
# coqui-tts anew, for many seconds each.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
# Every HTTP client that is made reads all authorities of the world, for 30 ms. No test speaks to a server that has a
# certificate of one of them.
_authorities = Path(certifi.where()).read_text()
_end = "-----END CERTIFICATE-----\n"
os.environ["SSL_CERT_FILE"] = str(Path(_directory.name) / "authority.pem")
Path(os.environ["SSL_CERT_FILE"]).write_text(_authorities[: _authorities.index(_end) + len(_end)])
# A machine that is busy with tests is no engine that hangs, and no reason to refuse speech.
os.environ["SPEECH_SERVICE"] = json.dumps({"max_load": False, "engine_heartbeat_seconds": 120})
# What takes seconds to make is made by one of pytest's processes for all: the first of them, which starts the others, names
# the place.
if made_once.VARIABLE not in os.environ:
    os.environ[made_once.VARIABLE] = str(Path(_directory.name) / "made-once")
    Path(os.environ[made_once.VARIABLE]).mkdir()
# The tests run side by side: several threads of PyTorch in each only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from django.utils import translation

from benchmarks.live_server import SERVER_VARIABLE, LiveServer
from streaming.loading import imports_kept
from tests.live.servers import SharedServers, WatchedServer
from voices import database
from xtts_site.config import ServiceConfig

# A test's database is in memory, and its rows are in a transaction of the test's own thread.
database.READERS = database.WRITERS = database.SPENDERS = database.BOOKKEEPERS = {"thread_sensitive": True}
database.FILERS = database.WATCHERS = database.WRITERS

# Neither an example nor the making of examples fails for being slow: the machine may be busy.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """`-q` leaves out the line that names the order's seed."""
    if seed := config.getoption("randomly_seed", None):
        terminalreporter.write_line(f"The order was that of --randomly-seed={seed}")


# Most of these tests wait: for speech that comes as fast as it is spoken, for limits to pass, for processes. Others compute.
WAITING = ("tests/live/", "tests/attacks/")
COMPUTING = ("tests/process/benchmarks/", "tests/process/engine/", "tests/process/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests wait and files whose tests compute take turns: while one worker waits, another one has work.

    Those of tests/pure come last. They take a moment each, so no worker is left with a long one when all others have ended.
    """
    files = list(dict.fromkeys(map(file_of, items)))
    places: dict[str, float] = {}
    for folders in (WAITING, COMPUTING):
        found = sorted((file for file in files if file.startswith(folders)), key=lambda file: rank(file, folders))
        places |= {file: (place + 0.5) / len(found) for place, file in enumerate(found)}
    items.sort(key=lambda item: places.get(file_of(item), 1.0))


def file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def rank(file: str, folders: Sequence[str]) -> int:
    return next(number for number, folder in enumerate(folders) if file.startswith(folder))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the tests import stays: the garbage collector need not go over PyTorch, coqui-tts and Django each time."""
    with imports_kept():
        return (yield)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both_servers` runs on each."""
    if metafunc.definition.get_closest_marker("both_servers"):
        metafunc.fixturenames.append("server_program")
        metafunc.parametrize("server_program", ["uvicorn", "daphne"], indirect=True, scope="session")


@pytest.fixture(autouse=True)
def _no_language_of_another_test() -> Iterator[None]:
    """A request that Django's test client makes leaves its language with the thread."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def server_program(request: pytest.FixtureRequest) -> Iterator[str]:
    """The server that settings name which are written meanwhile."""
    program: str = getattr(request, "param", ServiceConfig.model_fields["server"].default)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SERVER_VARIABLE, program)
        yield program


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServers]:
    """Servers that live as long as the tests: the two programs take turns in every file."""
    with SharedServers(tmp_path_factory) as servers:
        yield servers


@pytest.fixture(scope="session")
def server(shared_servers: SharedServers, server_program: str) -> LiveServer:
    """One ordinary server for all tests that only talk to it."""
    return shared_servers.get("ordinary", server_program, LiveServer, max_concurrency=2)


@pytest.fixture(scope="session")
def watched(shared_servers: SharedServers, server_program: str) -> WatchedServer:
    """A server for the fuzzers, which look at what is left behind."""
    return shared_servers.get("watched", server_program, WatchedServer)


@pytest.fixture(scope="session")
def tiny_checkpoint() -> Path:
    """The folder of a tiny checkpoint. Nobody may write into it."""
    # Here, because torch and coqui-tts take seconds that other tests need not wait.
    from tests.process.engine.checkpoints import made_random

    return made_random("tiny")
