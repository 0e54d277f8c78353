"""`manage.py serve` that looks at a key again before everything that it is charged for, and not twice a minute.
`python -m tests.attacks.without_trust_server`."""

import os

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")

import xtts_site.asgi  # noqa: F401 - sets Django up
from streaming.access import trust

if __name__ == "__main__":
    trust.TRUST_SECONDS = -1.0
    execute_from_command_line(["manage.py", "serve"])
