"""Paths as routing sees them."""

import re
from typing import Any
from urllib.parse import quote

from django.conf import settings

_SLASHES = re.compile("//+")


def path_info_of(scope: Any) -> str:
    """The path of an ASGI scope without the part that its project is mounted at, as Django sees it."""
    return str(scope["path"]).removeprefix(_root_of(scope))


def with_path_info(scope: Any, path_info: str) -> Any:
    """The scope of a request for another path at the same place. The same scope if routing would see yet another one: what
    a request says to be mounted at may be its client's word."""
    path, root = str(scope["path"]), _root_of(scope)
    moved = (root if path.startswith(root) else "") + path_info
    changed = scope | {"path": moved, "raw_path": quote(moved, errors="replace").encode("ascii")}
    return changed if path_info_of(changed) == path_info else scope


def tidy(path_info: str) -> str:
    """Without doubled slashes and without one at the end: clients that join a base URL and a path leave both."""
    return _SLASHES.sub("/", path_info).rstrip("/") or "/"


def _root_of(scope: Any) -> str:
    return str(settings.FORCE_SCRIPT_NAME or scope.get("root_path", ""))
