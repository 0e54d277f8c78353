"""Paths as routing sees them."""

from typing import Any

from django.conf import settings


def path_info_of(scope: Any) -> str:
    """The path of an ASGI scope without the part that its project is mounted at, as Django sees it."""
    path, root = str(scope["path"]), str(settings.FORCE_SCRIPT_NAME or scope.get("root_path", ""))
    return path.removeprefix(root) if root else path
