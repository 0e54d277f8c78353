"""nginx with TLS in front of a server, as in production."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from benchmarks.live_server import free_port
from tests.system.programs import program

# X-Forwarded-For is replaced, not appended to: the server takes the first address in it for the client's.
SITE = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        client_max_body_size 110m;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_header;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
    map $http_upgrade $connection_header {{
        default upgrade;
        '' '';
    }}
}}
"""


@contextmanager
def nginx(behind: int, folder: Path) -> Iterator[int]:
    """Within it, https://127.0.0.1:PORT (what it yields) leads to the port `behind`. The authority to trust is written to
    `folder`/authority.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # who else may read pytest's folders?
    site = folder / "nginx.conf"
    site.write_text(SITE.format(user=user, folder=folder, port=port, behind=behind))
    command = [program("nginx"), "-c", str(site), "-e", str(folder / "error.log"), "-g", "daemon off;"]
    process = subprocess.Popen(command)
    try:
        _wait_for(process, port, folder)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError((folder / "error.log").read_text())
