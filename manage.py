#!/usr/bin/env python
"""Django's command line: `python manage.py serve`, `setup`, ..."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    from django.core.management import execute_from_command_line

    from xtts_site.config import ConfigError, get_config

    try:
        get_config()
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
