"""The application before `manage.py serve` imports it, for programs that change something in it."""

import os
from importlib import import_module
from types import ModuleType

from xtts_site.config import get_config


def import_application() -> ModuleType:
    """`xtts_site.asgi`, after the server that the settings name, as `serve` does it: an application that is made before that
    server is there knows nothing of its signals and its listening sockets."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    import_module(f"streaming.{get_config().service.server}.server")
    return import_module("xtts_site.asgi")
