"""What browsers are told of our pages: to run no script that is in them, and to come by TLS alone."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from benchmarks.live_server import LiveServer, write_settings
from tests.live.host import HostServer

pytestmark = pytest.mark.both_servers

CSP, HSTS = "content-security-policy", "strict-transport-security"
PAGES = (
    "/",
    "/admin/",
    "/admin/login/",
    "/docs",
    "/openapi.json",
    "/nothing",
    "/static/ninja/favicon.svg",
    "/v1/voices",
)
NAME = "speech.example"


@pytest.fixture(scope="module")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    return folder


@pytest.fixture(scope="module")
def secure(tls_folder: Path, server_program: str) -> Iterator[httpx.Client]:
    """Of a server that speaks TLS itself."""
    service = {
        "tls_certificate": "certificate.pem",
        "tls_key": "key.pem",
        "allowed_hosts": ["127.0.0.1", NAME, "localhost"],
    }
    trust = ssl.create_default_context(cafile=str(tls_folder / "authority.pem"))
    server = LiveServer(write_settings(tls_folder, service=service))
    with server, httpx.Client(base_url=server.base_url, verify=trust, timeout=60) as client:
        server.wait_until(lambda: answers(client))
        yield client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_every_page_says_what_it_may_load(server: LiveServer) -> None:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        policies = [client.get(page).headers[CSP] for page in PAGES]
        # Django refuses this before any view.
        refused = client.get("/admin/login/", headers={"Host": "evil.example"})
    assert refused.status_code == 400
    for policy in (*policies, refused.headers[CSP]):
        directives = dict(part.split(" ", 1) for part in policy.split("; "))
        assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == "'self'"
        assert "unsafe" not in policy
        assert "*" not in policy


def test_browsers_are_sent_to_tls_by_tls(secure: httpx.Client) -> None:
    found = {secure.get(page, headers={"Host": NAME}).headers[HSTS] for page in PAGES}
    assert found == {"max-age=31536000"}


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "app.localhost"])
def test_not_for_a_name_that_every_server_of_the_machine_has(secure: httpx.Client, host: str) -> None:
    assert HSTS not in secure.get("/docs", headers={"Host": host}).headers


def test_not_without_tls_whatever_a_client_says(server: LiveServer) -> None:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        for page in PAGES:
            answer = client.get(page, headers={"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"})
            assert HSTS not in answer.headers, page


def test_behind_a_proxy_that_has_tls(tmp_path: Path, server_program: str) -> None:
    service = {"behind_tls_proxy": True, "hsts_seconds": 600}
    with LiveServer(write_settings(tmp_path, service=service)) as server:
        for scheme, expected in (("https", "max-age=600"), ("http", None)):
            answer = httpx.get(f"{server.base_url}/docs", headers={"X-Forwarded-Proto": scheme}, timeout=60)
            assert answer.headers.get(HSTS) == expected


def test_another_project_keeps_its_headers_and_our_page_has_its_own(tmp_path: Path, server_program: str) -> None:
    host = HostServer(folder=tmp_path, program=server_program)
    with host, httpx.Client(base_url=host.base_url, timeout=60) as client:
        for page in ("/healthz", "/admin/login/", "/speech/v1/voices"):
            assert {CSP, HSTS}.isdisjoint(client.get(page).headers), page
        assert "script-src 'self';" in client.get("/speech/docs").headers[CSP]
