"""No file without a row. A file is stored before the row that names it, and a transaction that is rolled back takes the row
away but not the file. So what was stored is looked through at the end: what no row names is deleted.

What remains where a process ends at the wrong moment is found by `manage.py remove_orphans`.
"""

import logging
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import apps
from django.core.files import File
from django.core.files.storage import Storage
from django.db import Error as DatabaseError
from django.db import router, transaction
from django.utils.translation import gettext

from voices.storage import StorageUnavailable

logger = logging.getLogger("voices.files")

Stored = tuple[Storage, str]
# The fields of a recording that name files.
FILE_FIELDS = ("file", "model_copy")
_LONGEST_NAME = 255
# For so long after a storage has not answered, it is asked to delete nothing more: each try may take its whole time-out,
# and a voice has many files.
AWAY_SECONDS = 30.0
_away_until = 0.0
_pending: ContextVar[list[Stored] | None] = ContextVar("pending", default=None)


class NotSaved(Exception):
    """A recording cannot be saved. The message is for whoever wanted it; `file` and `about`: by what `examining.once` knows
    it."""

    def __init__(self, message: str, file: object, about: Hashable) -> None:
        super().__init__(message)
        self.file, self.about = file, about


class FileNotStored(NotSaved):
    """The storage refuses it: its disk may be full."""

    def __init__(self, reason: str, file: object, about: Hashable) -> None:
        text = gettext("The recording cannot be stored: %(reason)s. Nothing was changed. Ask who runs this server.")
        super().__init__(text % {"reason": reason}, file, about)


class Overtaken(NotSaved):
    """Somebody else has replaced or deleted the recording since it was read."""

    def __init__(self, about: Hashable) -> None:
        text = gettext("Somebody else has just replaced this recording. Look at it again before you change it.")
        super().__init__(text, None, about)


@contextmanager
def stored_with_rows() -> Iterator[None]:
    """Around everything that stores recordings, the transaction too. Within another such block that one decides."""
    if _pending.get() is not None:
        yield
        return
    stored: list[Stored] = []
    token = _pending.set(stored)
    try:
        yield
    finally:
        _pending.reset(token)
        _delete_unnamed(stored)


def store(storage: Storage, name: str, content: "File[bytes]", examined: tuple[object, Hashable]) -> str:
    """The name under which it is stored. `examined`: by what `examining.once` knows it. Only within `stored_with_rows`.
    Raises FileNotStored."""
    pending = _pending.get()
    if pending is None:
        raise RuntimeError("A recording is stored where nobody looks after its file.")
    # First, because a disk that becomes full leaves the beginning of a file.
    pending.append((storage, name))
    try:
        stored = storage.save(name, content, max_length=_LONGEST_NAME)
    except Exception as error:  # each storage has its own
        reason = getattr(error, "strerror", None) or type(error).__name__
        logger.error("A recording cannot be stored: %s", error)
        raise FileNotStored(str(reason), *examined) from error
    if stored != name:
        pending.append((storage, stored))
    return stored


def delete_after_commit(storage: Storage, name: str | None) -> None:
    """Only once it is certain that no row names the file."""
    if name:
        transaction.on_commit(lambda: delete_file(storage, name))


def delete_file(storage: Storage, name: str) -> None:
    """A storage that refuses is logged, no more. One that does not answer is not asked again for a while: what is left is
    for `remove_orphans`."""
    global _away_until
    if time.monotonic() < _away_until:
        logger.warning("The file %s is left: the storage has not answered lately", name)
        return
    try:
        storage.delete(name)
    except StorageUnavailable as error:
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("The file %s cannot be deleted: %s", name, error)
    except Exception as error:  # each storage has its own
        logger.warning("The file %s cannot be deleted: %s", name, error)


def named(names: Iterable[str]) -> set[str]:
    """Those that a row names. Raises DatabaseError."""
    rows = _rows()
    wanted = list(names)
    return {
        name for field in FILE_FIELDS for name in rows.filter(**{f"{field}__in": wanted}).values_list(field, flat=True)
    }


def _delete_unnamed(stored: list[Stored]) -> None:
    if not stored:
        return
    connection = transaction.get_connection(router.db_for_write(_model()))
    try:
        # What is to be rolled back has no rows, and cannot be asked for any.
        kept = set() if connection.needs_rollback else named(name for _, name in stored)
    except DatabaseError as error:
        logger.warning("Whether rows name %d stored files is not known: %s", len(stored), error)
        return
    for storage, name in stored:
        if name not in kept:
            delete_file(storage, name)


def _rows() -> Any:
    """Of the database that is written to: another one may not have them yet."""
    model = _model()
    return model._default_manager.using(router.db_for_write(model))


def _model() -> Any:
    return apps.get_model("voices", "ReferenceClip")
