"""The project's ASGI application: `daphne xtts_site.asgi:application`, or `uvicorn xtts_site.asgi:application`."""

import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

from streaming.loading import imports_kept
from xtts_site.config import ConfigError, get_config

try:
    service = get_config().service
    with imports_kept():
        http_application = get_asgi_application()
        from streaming.asgi import speech_application
        from streaming.connection.capacity import raise_open_files

        raise_open_files()
        application = speech_application(
            http_application,
            live_path="/healthz",
            ready_path="/readyz",
            owns_server=True,
            names_by_proxy=service.behind_tls_proxy,
        )
except (ConfigError, ImproperlyConfigured) as error:
    sys.exit(str(error))

if "daphne" in Path(sys.argv[0]).parts[-2:]:  # the command, or `python -m daphne`
    logging.getLogger("xtts_site").info(
        "Started from daphne's command line, which sets address, TLS and limits instead of service.*"
    )
