"""Keeps secrets out of uvicorn's log: it writes the query of every request, and at level debug the websockets library writes
every header and message. Tokens may stand in the query of a socket, keys in its headers and its first message.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import websockets
from uvicorn.protocols.utils import get_path_with_query_string

from streaming.connection.paths import path_info_of

_NAME = get_path_with_query_string.__name__
_WEBSOCKETS = str(Path(websockets.__file__).parent)


def install(covers: Callable[[str], bool]) -> None:
    """From now on no uvicorn server in this process writes the query of a path that is covered."""

    def shown(scope: Any) -> str:
        return quote(scope["path"]) if covers(path_info_of(scope)) else get_path_with_query_string(scope)

    for name, module in list(sys.modules.items()):
        is_utils = name == get_path_with_query_string.__module__
        if name.startswith("uvicorn.protocols.") and hasattr(module, _NAME) and not is_utils:
            setattr(module, _NAME, shown)
    logging.getLogger("uvicorn.error").addFilter(_is_not_of_websockets)


def _is_not_of_websockets(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG or not record.pathname.startswith(_WEBSOCKETS)
