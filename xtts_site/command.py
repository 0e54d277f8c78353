"""The command `xtts-stream-server`. Without arguments it prepares the database and serves, as `make run` does. With
arguments it is Django's command line: `xtts-stream-server create_key NAME`.
"""

import os
import sys

from xtts_site.config import ConfigError, get_config


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    from django.core.management import execute_from_command_line

    name, *arguments = sys.argv
    try:
        config = get_config()
        if arguments:
            execute_from_command_line(sys.argv)
            return
        print(f"Data: {config.service.data_dir}", flush=True)  # noqa: T201 - it is a command
        execute_from_command_line([name, "setup"])
        execute_from_command_line([name, "serve"])
    except ConfigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
