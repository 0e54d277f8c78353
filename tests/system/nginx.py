"""nginx with TLS in front of a server, as in production."""

import os
import socket
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from benchmarks.live_server import free_port
from tests.system.programs import program
from xtts_site.config import PROJECT_DIR

SITE = PROJECT_DIR / "deploy" / "nginx" / "xtts.conf"
# What Debian's nginx.conf has around a site, without what only root may do.
FRAME = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/xtts.conf;
}}
"""
SERVER = "server 127.0.0.1:60215 max_fails=1 fail_timeout=2s;"


@contextmanager
def nginx(behind: int, folder: Path, *others: int) -> Iterator[int]:
    """The site of deploy/. Within it, https://127.0.0.1:PORT (what it yields) leads to the port `behind`, and to `others`.
    The authority to trust is written to `folder`/authority.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # who else may read pytest's folders?
    (folder / "nginx.conf").write_text(FRAME.format(user=user, folder=folder))
    write_site(folder, port, behind, *others)
    command = [*nginx_command(folder), "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        _wait_for(process, port, folder)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def write_site(folder: Path, port: int, *behind: int, down: Collection[int] = ()) -> None:
    """The site as an operator would edit it: addresses, names and files of their own. `down`: of `behind`, those that get
    nothing new."""
    site = SITE.read_text()
    servers = [SERVER.replace("60215", str(server)) for server in behind]
    servers = [
        line.replace(";", " down;") if server in down else line for server, line in zip(behind, servers, strict=True)
    ]
    for ours, theirs in {
        SERVER: "\n    ".join(servers),
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server_name speech.example.com;": "server_name 127.0.0.1;",
        "/etc/ssl/xtts/fullchain.pem": f"{folder}/certificate.pem",
        "/etc/ssl/xtts/privkey.pem": f"{folder}/key.pem",
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert ours in site, f"{SITE} has no {ours!r}"
        site = site.replace(ours, theirs)
    (folder / "xtts.conf").write_text(site)


def nginx_command(folder: Path) -> list[str]:
    """nginx with the site in `folder`; `-s reload` and `-t` can follow."""
    return [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def _wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError((folder / "error.log").read_text())
