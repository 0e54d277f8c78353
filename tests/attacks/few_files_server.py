"""`manage.py serve` that may open few files: `python -m tests.attacks.few_files_server`."""

import os
import resource

from django.core.management import execute_from_command_line

FILES = 160

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    execute_from_command_line(["manage.py", "serve"])
