"""Who may send files? Decided when the head of a request has come, in front of Django, which reads the body first and asks
later.

Everything else may be no longer than `BodyLimits.other`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from streaming.access.credentials import Credentials
from streaming.access.known_keys import KnownKeys
from streaming.access.origin import address_of
from streaming.conf import Config
from streaming.connection.addresses import network_of
from streaming.connection.paths import path_info_of
from streaming.errors import DatabaseUnavailable, Refused
from streaming.http.paths import ApiPaths
from streaming.http.problems import Problem, problem_of
from voices.database import read

# The operations that take files, by the names of their URLs.
WITH_FILES = frozenset({"add_voice", "edit_voice"})
# Longer bodies are not read before it is known whose they are.
SHORT_BYTES = 16_384
_SESSION_KEY = re.compile(r"[a-z0-9]{8,64}")


def is_form(headers: dict[bytes, bytes]) -> bool:
    """Whether the body is a form that may hold files."""
    return headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")


def is_decided_by_head(headers: dict[bytes, bytes]) -> bool:
    """Whether the body is not read before `Uploads.may_be_long` has answered."""
    length = headers.get(b"content-length", b"")
    is_short = b"transfer-encoding" not in headers and (not length.isdigit() or int(length) <= SHORT_BYTES)
    return is_form(headers) or not is_short


class Uploads:
    """One per server process. `api_paths`: the API's. `owns_server`: other paths belong to a project with an admin, whose
    staff may upload."""

    def __init__(self, config: Config, keys: KnownKeys, api_paths: ApiPaths, *, owns_server: bool) -> None:
        self._keys = keys
        self._requires_keys = config.access.require_keys
        self._max_at_once = config.limits.max_uploads_per_address
        self._api_paths = api_paths
        self._owns_server = owns_server
        self._at_once: Counter[str] = Counter()

    async def may_be_long(self, scope: Any) -> bool:
        """Whether the body of this request may be as long as files are. `scope`: ASGI's, as far as the head tells. Raises
        Problem for a client that may send nothing, or no files."""
        path_info, headers = self._api_paths.meant_by(path_info_of(scope)), dict(scope["headers"])
        if path_info in self._api_paths:
            takes_files = is_form(headers) and scope["method"] == "POST" and _takes_files(path_info)
            if takes_files or self._requires_keys:
                await self._check_client(scope, manages=takes_files)
            return takes_files
        if not (self._owns_server and is_form(headers)):
            return False
        try:
            return await read(_is_staff, headers)
        except DatabaseError as error:
            raise problem_of(error) from None

    @contextmanager
    def one_more(self, scope: Any) -> Iterator[None]:
        """While a client sends files. Raises Problem."""
        network = network_of(address_of(scope))
        if self._at_once[network] >= self._max_at_once:
            text = f"This address is already sending {self._max_at_once} forms with files, the maximum."
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_uploads", text, headers={"Retry-After": "5"})
        self._at_once[network] += 1
        try:
            yield
        finally:
            self._at_once[network] -= 1
            if not self._at_once[network]:
                del self._at_once[network]

    async def _check_client(self, scope: Any, *, manages: bool) -> None:
        """Raises Problem. The API decides the same once more, when it has the body."""
        credentials = Credentials.from_headers(scope["headers"])
        try:
            client = await self._keys.identify(credentials, required=self._requires_keys)
            if manages:
                client.require_managing_voices()
        except (Refused, DatabaseUnavailable) as error:
            raise problem_of(error) from None


def _takes_files(path_info: str) -> bool:
    try:
        return resolve(path_info).url_name in WITH_FILES
    except Resolver404:
        return False


def _is_staff(headers: dict[bytes, bytes]) -> bool:
    """Whether the session's user may change voices in the admin."""
    key = _session_key(headers.get(b"cookie", b"").decode("latin-1"))
    if key is None:
        return False
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return bool(user.is_active and user.is_staff and user.has_module_perms("voices"))


def _session_key(cookies: str) -> str | None:
    """The standard library takes time in the square of a cookie's length, and this is a stranger's."""
    for part in cookies.split(";"):
        name, _, value = part.strip().partition("=")
        if name == settings.SESSION_COOKIE_NAME and _SESSION_KEY.fullmatch(value):
            return value
    return None
