"""Keeps secrets out of daphne's log, which writes the query of every HTTP request. A socket whose `Upgrade` was lost on the
way is such a request.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from daphne.server import Server

from streaming.connection.paths import path_info_of

_plain_log_action = Server.log_action
# How daphne writes a path that is not ASCII.
NOT_TEXT = "b'"


def install(covers: Callable[[str], bool]) -> None:
    """From now on no daphne server in this process writes the query of a path that is covered."""

    def log_action(server: Server, protocol: str, action: str, details: dict[str, Any]) -> None:
        path, _, query = str(details.get("path", "")).partition("?")
        if query and (path.startswith(NOT_TEXT) or covers(_path_info(server, path))):
            details = details | {"path": path}
        _plain_log_action(server, protocol, action, details)

    Server.log_action = log_action


def _path_info(server: Server, path: str) -> str:
    return path_info_of({"path": unquote(path), "root_path": server.root_path})
