"""What a project wraps around its own ASGI application: `application = speech_application(get_asgi_application())`.

Importing and calling it starts nothing: see `streaming.serving.application`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

App = Callable[[Any, Any, Any], Awaitable[None]]


def speech_application(
    application: App,
    *,
    live_path: str | None = None,
    ready_path: str | None = None,
    owns_server: bool = False,
    names_by_proxy: bool = False,
) -> App:
    """The application with speech: its sockets and its HTTP API below the prefix where `streaming.urls` is included;
    everything else goes to `application`.

    `live_path` and `ready_path`, "/healthz" and "/readyz" for instance: where a probe is told that the process answers, and
    that it can speak; they need no key. `owns_server`: this server has nothing else to serve. Then daphne's limits hold for
    every path, and no client can name the root path in a header. `names_by_proxy`: a proxy in front of the server names
    requests (X-Request-ID), and no client reaches the server without it. Raises ImproperlyConfigured.
    """
    # Not at the top of the file: the apps are ready when this is called, and not when a project's asgi.py imports it.
    from streaming.conf import get_config
    from streaming.dispatch.packages import MissingPackages
    from streaming.engine.checkpoint.files import CheckpointError
    from streaming.engine.demo.voice_files import VoiceError
    from streaming.serving.application import SpeechApplication
    from streaming.serving.server_parts import ServerParts

    try:
        parts = ServerParts(get_config())
    except (CheckpointError, MissingPackages, VoiceError) as error:
        raise ImproperlyConfigured(str(error)) from None
    return SpeechApplication(application, parts, live_path, ready_path, owns_server, names_by_proxy)
