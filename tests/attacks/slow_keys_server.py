"""`manage.py serve` with a database that never says whose key it is: `python -m tests.attacks.slow_keys_server`."""

import asyncio
from typing import Any

from django.core.management import execute_from_command_line

from tests.live.early_application import import_application


async def never(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


if __name__ == "__main__":
    import_application()
    from streaming.access.known_keys import KnownKeys

    KnownKeys.identify = never  # type: ignore[method-assign]
    execute_from_command_line(["manage.py", "serve"])
