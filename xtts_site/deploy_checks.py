"""`manage.py check --deploy`: what is not safe about the settings of a server that others reach, by the names of
config.yaml. Django's own checks of this kind name settings that nobody here can set: `DJANGOS`."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Warning

from xtts_site.addresses import is_loopback
from xtts_site.config import Config, get_config

# HSTS (`page_headers` sets the header), the redirect to TLS (the proxy's; a port of ours has TLS or it has not), and cookies
# for TLS only (with TLS, they are).
DJANGOS: tuple[str, ...] = ("security.W004", "security.W008", "security.W012", "security.W016")


def check_settings(app_configs: Any, **_: Any) -> list[Warning]:
    return list(findings(get_config()))


def findings(config: Config) -> Iterator[Warning]:
    service = config.service
    has_tls = service.behind_tls_proxy or service.tls_certificate is not None
    if not has_tls:
        yield Warning(
            "There is no TLS: keys, passwords and speech can be read on their way.",
            hint="Let a proxy terminate TLS and set service.behind_tls_proxy: true, or set service.tls_certificate and "
            "service.tls_key (docs/deployment.md).",
            id="xtts.W001",
        )
    if has_tls and not service.hsts_seconds:
        yield Warning(
            "service.hsts_seconds is 0: a browser that has used TLS can be led to this host without TLS.",
            hint="Remove the setting, unless other servers under this host name have no TLS.",
            id="xtts.W002",
        )
    if not config.access.require_keys:
        yield Warning(
            "No API keys are required: whoever reaches the server can speak, and can add, change and delete voices.",
            hint="Set access.require_keys: true, and create keys with create_key NAME (docs/keys.md).",
            id="xtts.W003",
        )
    yield from _hosts(service.allowed_hosts)


def _hosts(names: tuple[str, ...]) -> Iterator[Warning]:
    if "*" in names:
        yield Warning(
            'service.allowed_hosts has "*": a web page can make a name of its own lead to this server.',
            hint="List the names by which clients call this server.",
            id="xtts.W004",
        )
    elif all(map(is_loopback, names)):
        yield Warning(
            "service.allowed_hosts names this machine alone: requests by any other name are refused with 400.",
            hint="List the names by which clients call this server, or its proxy.",
            id="xtts.W005",
        )
