"""What a client has to know to trust this server's certificate."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HANDSHAKE_STEPS = 10


@dataclass(frozen=True)
class Trust:
    """`ca_file`: the certificate to trust; None: the system's authorities vouch for it. `names`: those that it is for.
    `is_known`: whether any of that was found out."""

    ca_file: Path | None
    names: tuple[str, ...]
    is_known: bool = True


def trust_in(certificate: Path, key: Path) -> Trust:
    """Found out by shaking hands, within this process: with the system's authorities, then with the file itself."""
    for ca_file in (None, certificate):
        found = _handshake(certificate, key, ca_file)
        if found is not None:
            names = tuple(
                value
                for kind, value in found.get("subjectAltName", ())
                if kind in ("DNS", "IP Address") and "*" not in value
            )
            return Trust(ca_file, names)
    return Trust(None, (), is_known=False)


def _handshake(certificate: Path, key: Path, ca_file: Path | None) -> dict[str, Any] | None:
    """The certificate as a client sees it that trusts it. None: it does not."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key, password="")
    asking = ssl.create_default_context(cafile=ca_file)
    asking.check_hostname = False  # which names it has is the question
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    try:
        for _ in range(HANDSHAKE_STEPS):
            for side in (client, server):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLError:
        return None
    return dict(client.getpeercert() or {})
