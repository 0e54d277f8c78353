from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.system.nginx import nginx
from tests.system.postgres import Cluster

SUPERUSER = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("ada", password="lovelace")
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def admin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with server_of_ada(tmp_path_factory.mktemp("admin")) as live:
        yield live


@contextmanager
def server_of_ada(folder: Path) -> Iterator[LiveServer]:
    """A server with the administrator ada, whose password is lovelace."""
    with LiveServer(write_settings(folder)) as live:
        made = manage(live.settings_file, "shell", "-c", SUPERUSER)
        assert made.returncode == 0, made.stderr
        yield live


@pytest.fixture(scope="session")
def behind_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that believes what nginx says of its clients."""
    service = {"behind_tls_proxy": True, "allowed_hosts": ["127.0.0.1"]}
    limits = {"max_sockets_per_address": 4}
    settings = write_settings(tmp_path_factory.mktemp("behind"), service=service, limits=limits)
    with LiveServer(settings) as live:
        made = manage(live.settings_file, "shell", "-c", SUPERUSER)
        assert made.returncode == 0, made.stderr
        yield live


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of nginx, with the authority to trust in authority.pem."""
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="session")
def nginx_port(behind_nginx: LiveServer, authority: Path) -> Iterator[int]:
    with nginx(behind_nginx.port, authority) as port:
        yield port
