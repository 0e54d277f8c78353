"""`python manage.py serve`: uvicorn or daphne with host, port, TLS and limits from the settings."""

import asyncio
import logging
import os
import shlex
import ssl
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from streaming.access.models import ApiKey
from streaming.access.other_servers import has_strangers
from streaming.conf import ModelConfig
from streaming.connection.listening import CannotListen, Listening
from xtts_site.addresses import in_url, is_loopback, listened_on, reachable
from xtts_site.certificates import Trust, trust_in
from xtts_site.config import PROJECT_DIR, Config, ServiceConfig, get_config, manage
from xtts_site.passed_socket import NoListeningSocket, listening_at, passed_by_systemd

logger = logging.getLogger("streaming.serve")

DEFAULT_PORT = ServiceConfig.model_fields["port"].default
# Of example.py.
DEFAULT_HOST = "127.0.0.1"
STRANGERS = (
    "Another server with the same Redis has another secret key: who signs in to the admin at one of them is not signed in "
    "at the other, and each counts the limits of keys without the other. Set service.secret_key to the same text for all "
    "servers of an installation; other installations may use the same Redis."
)


class Command(BaseCommand):
    help = "Run the speech server with the address, TLS and limits of the settings."
    # Its checks import every URL and so every view; the server's own start finds the same errors.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fd",
            type=int,
            metavar="N",
            help="a listening socket that was passed to this process, in place of service.host and service.port; one that "
            "systemd passes is found without this option",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        descriptor = passed_descriptor(options["fd"])
        config = with_address(get_config(), descriptor)
        check_database()
        is_with_strangers = asyncio.run(check_redis(config.redis_url)) if config.redis_url else False
        check_tls(config.service)
        # Imported here: daphne has to install its event loop before the application is there, and only where it serves.
        server = import_module(f"streaming.{config.service.server}.server")
        from xtts_site.asgi import application

        warnings = [key_warning(config), name_warning(config), STRANGERS if is_with_strangers else None]
        welcome = partial(self._welcome, config, warnings)
        try:
            server.serve(application, listening_of(config.service, descriptor), welcome)
        except CannotListen as error:
            service = config.service
            where = f"service.host {service.host}, service.port {service.port}"
            raise CommandError(f"Cannot listen on {where}: {one_sentence(error)}") from None

    def _welcome(self, config: Config, warnings: list[str | None]) -> None:
        service = config.service
        secure = "s" if service.tls_certificate else ""
        address = f"{reachable(service.host)}:{service.port}"
        listens = ", ".join(f"http{secure}://{host}:{service.port}" for host in listened_on(service.host))
        playground = f"Hear:   http{secure}://{address}/\n" if config.playground.enabled else ""
        self.stdout.write(
            f"Speak:  {how_to_speak(config, address)}\n"
            f"{playground}"
            f"Admin:  http{secure}://{address}/admin/\n"
            f"HTTP:   http{secure}://{address}/docs\n"
            f"Socket: ws{secure}://{address}/v1/text-to-speech/demo/stream-input\n"
            f"State:  http{secure}://{address}/readyz\n"
            f"Server: {listens}\n"
            f"Voice:  {what_speaks(config.model)}\n"
        )
        self.stdout.flush()
        for line in "\n".join(filter(None, warnings)).split("\n"):
            if line:
                logger.warning("%s", line)


def how_to_speak(config: Config, address: str) -> str:
    """A command that can be pasted: the client of the project's folder, or curl for an installed package.
    `address`: host and port."""
    service = config.service
    trust = None
    if service.tls_certificate and service.tls_key:
        trust = trust_in(service.tls_certificate, service.tls_key)
    host = address.rpartition(":")[0]
    name = host if trust is None else name_to_call(trust, host)
    key = config.access.require_keys
    if (PROJECT_DIR / "example.py").exists():
        options = ("" if name == DEFAULT_HOST else f" --host {name}") + (
            "" if service.port == DEFAULT_PORT else f" --port {service.port}"
        )
        options += trust_option(trust, "--tls", "--ca-file") + (" --api-key KEY" if key else "")
        return f"{os.path.relpath(sys.executable)} example.py{options} --text 'Hello there.'"
    options = trust_option(trust, "", "--cacert") + (" -H 'xi-api-key: KEY'" if key else "")
    body = """-H 'Content-Type: application/json' -d '{"text": "Hello there."}'"""
    url = f"http{'s' if trust else ''}://{name}:{service.port}/v1/text-to-speech/demo"
    return f"curl -o hello.mp3{options} {url} {body}"


def name_to_call(trust: Trust, host: str) -> str:
    """A name that the certificate is for: `host` if it may be, or else its first one."""
    return host if host.strip("[]") in trust.names or not trust.names else in_url(trust.names[0])


def trust_option(trust: Trust | None, trusted: str, ca_file: str) -> str:
    """The option with which a client trusts the certificate. `trusted`: that for TLS, where the system trusts it already."""
    if trust is None:
        return ""
    if not trust.is_known:
        return f" {ca_file} CA.pem"
    if trust.ca_file is None:
        return f" {trusted}".rstrip()
    return f" {ca_file} {shlex.quote(os.path.relpath(trust.ca_file))}"


def key_warning(config: Config) -> str | None:
    """A warning if the key settings are dangerous or useless. Reads the database."""
    host = config.service.host
    if config.access.require_keys:
        useless = (
            f"access.require_keys is set, but there is no API key yet; create one with {manage()} create_key NAME."
        )
        return None if ApiKey.objects.exists() else useless
    if is_loopback(host):
        return None
    lines = (
        f"NO API KEYS, AND LISTENING ON {host}.",
        "Anyone who reaches this address can generate speech, and can add, change and delete voices.",
        f"Set access.require_keys: true, and create keys in the admin or with {manage()} create_key NAME.",
    )
    rule = "!" * max(map(len, lines))
    return "\n".join(("", rule, *lines, rule))


def name_warning(config: Config) -> str | None:
    """A warning if other machines reach the server and can call it by no name that it answers to, or if web pages can call
    it by any."""
    service = config.service
    if "*" in service.allowed_hosts and not config.access.require_keys:
        return (
            'service.allowed_hosts has "*", and no keys are required: a web page can make a name of its own lead to this '
            "server (DNS rebinding) and read from it. Name the hosts, or set access.require_keys: true."
        )
    if is_loopback(service.host) or not all(map(is_loopback, service.allowed_hosts)):
        return None
    return (
        f"service.host is {service.host}, but service.allowed_hosts names this machine alone: requests by any other name or "
        "address are refused with 400. Add the names and addresses by which clients call this server."
    )


def what_speaks(model: ModelConfig) -> str:
    """One line on the engine, and on the licence that comes with it."""
    if model.uses_xtts:
        return (
            f"XTTS v2 from {model.checkpoint_path}. The published weights, and the speech they make, are for "
            "non-commercial use only (CPML)."
        )
    voices = ", ".join(["joe (English, CC0)", *(f"{path.stem} ({tag})" for tag, path in model.demo_voices.items())])
    return (
        f"the embedded voices: no cloning. Piper with {voices}; other languages through espeak-ng (both GPL-3.0, in the "
        "engine's own process)."
    )


def one_sentence(error: object) -> str:
    """An error's own words on one line, with one full stop."""
    return " ".join(str(error).split()).rstrip(".?!") + "."


def passed_descriptor(option: int | None) -> int | None:
    """Of the socket to listen at, if one was passed. Raises CommandError."""
    try:
        return option if option is not None else passed_by_systemd()
    except NoListeningSocket as error:
        raise CommandError(f"{error}.") from None


def with_address(config: Config, descriptor: int | None) -> Config:
    """The settings with the address of the passed socket, if there is one. Raises CommandError."""
    if descriptor is None:
        return config
    service = config.service
    if service.server == "daphne" and service.tls_certificate:
        raise CommandError("daphne has no TLS on a passed socket: use service.server uvicorn, or a proxy for TLS.")
    try:
        return config.model_copy(update={"service": listening_at(service, descriptor)})
    except NoListeningSocket as error:
        raise CommandError(f"Cannot listen: {error}.") from None


def listening_of(service: ServiceConfig, descriptor: int | None = None) -> Listening:
    return Listening(
        host=service.host,
        port=service.port,
        max_message_bytes=service.max_message_bytes,
        certificate=service.tls_certificate,
        key=service.tls_key,
        behind_proxy=service.behind_tls_proxy,
        descriptor=descriptor,
    )


def check_database() -> None:
    """Raises CommandError if the database does not answer or is not set up."""
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError as error:
        raise CommandError(f"The database cannot be reached (DATABASE_URL): {one_sentence(error)}") from None
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(f"The database is not set up: run `{manage()} setup` first.")


async def check_redis(url: str) -> bool:
    """Whether a server with another secret key uses it. Raises CommandError if Redis does not answer."""
    import redis.asyncio
    from redis.exceptions import RedisError

    try:
        async with asyncio.timeout(5), redis.asyncio.Redis.from_url(url) as client:
            await client.ping()
            with suppress(RedisError):  # it may not be allowed to look
                return await has_strangers(client)
            return False
    except (RedisError, OSError, TimeoutError) as error:
        reason = one_sentence(error if str(error) else "no answer")
        raise CommandError(f"REDIS_URL is set, but Redis does not answer: {reason}") from None


def check_tls(service: ServiceConfig) -> None:
    """Raises CommandError for a certificate or key that cannot be read, or does not fit the other."""
    if service.tls_certificate is None or service.tls_key is None:
        return
    for name, path in (("tls_certificate", service.tls_certificate), ("tls_key", service.tls_key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise CommandError(f"service.{name} names {path}, which cannot be read: {error.strerror}.") from None
    try:
        # A key with a password is refused, not asked for on a terminal that may not be there.
        ssl.create_default_context().load_cert_chain(service.tls_certificate, service.tls_key, password="")
    except ssl.SSLError as error:
        raise CommandError(
            f"service.tls_certificate and service.tls_key ({service.tls_certificate}, {service.tls_key}) must be a "
            f"matching pair of PEM files without a password: {one_sentence(error)}"
        ) from None
