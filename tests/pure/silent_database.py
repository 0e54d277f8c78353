"""A database that does not answer, in place of a function that reads from it."""

from typing import Any, NoReturn

from django.db import DatabaseError


async def no_answer(*_: Any, **__: Any) -> NoReturn:
    raise DatabaseError("gone")
