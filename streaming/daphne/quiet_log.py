"""Keeps secrets out of daphne's log, which writes the query of every HTTP request. A socket whose `Upgrade` was lost on the
way is such a request.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from daphne.server import Server

_plain_log_action = Server.log_action


def install(covers: Callable[[str], bool]) -> None:
    """From now on no daphne server in this process writes the query of a path that is covered."""

    def log_action(server: Server, protocol: str, action: str, details: dict[str, Any]) -> None:
        path, _, query = str(details.get("path", "")).partition("?")
        if query and covers(unquote(path)):
            details = details | {"path": path}
        _plain_log_action(server, protocol, action, details)

    Server.log_action = log_action
