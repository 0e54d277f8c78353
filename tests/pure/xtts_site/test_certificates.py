"""What a start says of a certificate, found out by trying it."""

from pathlib import Path

import pytest
import trustme

from xtts_site.certificates import trust_in
from xtts_site.management.commands.serve import name_to_call, trust_option


def written(folder: Path, *pems: trustme.Blob, key: trustme.Blob) -> tuple[Path, Path]:
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(b"".join(pem.bytes() for pem in pems))
    files[1].write_bytes(key.bytes())
    return files


def test_a_certificate_that_comes_with_its_authority_is_trusted_by_its_file(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("speech.lan", "127.0.0.1")
    certificate, key = written(tmp_path, *issued.cert_chain_pems, authority.cert_pem, key=issued.private_key_pem)
    trust = trust_in(certificate, key)
    assert (trust.ca_file, trust.names) == (certificate, ("speech.lan", "127.0.0.1"))
    assert trust_option(trust, "--tls", "--ca-file").endswith("certificate.pem")
    assert name_to_call(trust, "127.0.0.1") == "127.0.0.1"
    assert name_to_call(trust, "10.0.0.1") == "speech.lan"


def test_the_authority_of_another_one_has_to_be_named(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("speech.lan")
    trust = trust_in(*written(tmp_path, *issued.cert_chain_pems, key=issued.private_key_pem))
    assert trust_option(trust, "--tls", "--ca-file") == " --ca-file CA.pem"


def test_what_the_system_trusts_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "system.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    issued = authority.issue_cert("speech.lan")
    trust = trust_in(*written(tmp_path, *issued.cert_chain_pems, key=issued.private_key_pem))
    assert (trust.ca_file, trust_option(trust, "--tls", "--ca-file")) == (None, " --tls")
