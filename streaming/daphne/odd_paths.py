"""autobahn takes what follows two slashes at the beginning of a path for the name of a host, and loses it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import WebRequest

from streaming.connection.paths import path_info_of


def install(covers: Callable[[str], bool]) -> None:
    """From now on every daphne server in this process hands it the paths that are covered with one slash."""
    process = WebRequest.process

    def keep_path(request: Any) -> Any:
        if request.uri.startswith(b"//") and covers(_path_info(request)):
            request.uri = b"/" + request.uri.lstrip(b"/")
        return process(request)

    WebRequest.process = keep_path


def _path_info(request: Any) -> str:
    return path_info_of(
        {"path": unquote(request.path.decode("ascii", "replace")), "root_path": request.server.root_path}
    )
