"""Paths as routing sees them."""

import re
from typing import Any

from django.conf import settings


def path_info_of(scope: Any) -> str:
    """The path of an ASGI scope without the part that its project is mounted at, as Django sees it."""
    path, root = str(scope["path"]), str(settings.FORCE_SCRIPT_NAME or scope.get("root_path", ""))
    return path.removeprefix(root) if root else path


def tidy(path_info: str) -> str:
    """Without doubled slashes and without one at the end: clients that join a base URL and a path leave both."""
    return re.sub("/{2,}", "/", path_info).removesuffix("/") or "/"
