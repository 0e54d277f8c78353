"""Paths as routing sees them."""

from typing import Any


def path_info_of(scope: Any) -> str:
    """The path of an ASGI scope without the root path that its server was given, as Django sees it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root else path
