"""Which voices have changed, known to every process that shares the database, within half a second.

Whoever changes a voice or its recordings adds a row, in the transaction of the change. A shared counter would be locked
until that transaction ends, and a form's transaction is long; rows of their own hold up nobody. Every server looks for new
rows; on SQLite it first asks whether anything at all was written, which reads no table.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections, models, router
from django.db.models.signals import post_delete, post_save

from voices.database import as_long_as_allowed

logger = logging.getLogger("voices.changes")

LOOK_SECONDS = 0.4
# After a database that has not answered.
PATIENCE_SECONDS = 1.0
# Rows that are looked at: numbers are given out before transactions end, so that a higher one may be seen before a lower.
LOOKED_AT = 100
KEPT = 1000
# Of the voices whose ids (primary keys) these are. None: of any.
OnChange = Callable[[frozenset[int] | None], object]


class VoiceChange(models.Model):
    """A voice, or a recording of it, was added, changed or deleted."""

    voice_pk = models.BigIntegerField()

    def __str__(self) -> str:
        return f"voice {self.voice_pk}"


def note_change(voice_pk: int, using: str | None = None) -> None:
    row = VoiceChange.objects.using(using).create(voice_pk=voice_pk)
    if row.pk % LOOKED_AT == 0:
        VoiceChange.objects.using(using).filter(pk__lte=row.pk - KEPT).delete()


def note_changes_of(voice: type[models.Model], clip: type[models.Model]) -> None:
    """Whenever one of these is stored or deleted, by whatever process."""
    for signal in (post_save, post_delete):
        signal.connect(_note_voice, sender=voice, dispatch_uid="voices.changes.voice")
        signal.connect(_note_clip, sender=clip, dispatch_uid="voices.changes.clip")


def _note_voice(instance: Any, using: str, **_: Any) -> None:
    note_change(instance.pk, using)


def _note_clip(instance: Any, using: str, origin: Any = None, **_: Any) -> None:
    """A recording that goes with its voice (`origin`: what somebody has deleted) needs no word of its own."""
    if origin is None or getattr(origin, "model", type(origin)) is type(instance):
        note_change(instance.voice_id, using)


class Look:
    """What is new since the last look. For one thread, whose connection says whether others have written."""

    def __init__(self) -> None:
        self._seen: set[int] | None = None
        self._version: int | None = None

    def changed(self) -> frozenset[int] | None:
        """Voices that have changed; None: any may have, as at the first look. Raises DatabaseError."""
        kept, self._version = self._version, None  # after an error the next look is through another connection
        version = self._version_of_sqlite()
        if version is not None and version == kept and self._seen is not None:
            self._version = version
            return frozenset()
        rows = dict(VoiceChange.objects.order_by("-pk").values_list("pk", "voice_pk")[:LOOKED_AT])
        before, self._seen, self._version = self._seen, set(rows), version
        if before is None or (len(rows) == LOOKED_AT and before.isdisjoint(rows)):
            return None
        return frozenset(voice for row, voice in rows.items() if row not in before and row > min(before, default=0))

    def _version_of_sqlite(self) -> int | None:
        """Another number whenever another connection has written; None for other databases."""
        connection = connections[router.db_for_read(VoiceChange)]
        if connection.vendor != "sqlite":
            return None
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchone()[0])


class ChangeWatch:
    """Looks for changes as long as somebody needs to know of them, on a thread of its own: a database that is slow or away
    holds up nobody. `on_change` is called on that thread."""

    def __init__(self, on_change: OnChange, is_needed: Callable[[], bool]) -> None:
        self._on_change = on_change
        self._is_needed = is_needed
        self._end = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="voice-changes", daemon=True).start()

    def stop(self) -> None:
        self._end.set()

    def _run(self) -> None:
        look, is_away = Look(), False
        with as_long_as_allowed():
            while not self._end.wait(PATIENCE_SECONDS if is_away else LOOK_SECONDS):
                if not self._is_needed():
                    continue
                was_away, is_away = is_away, not self._look(look, is_away)
                if was_away and not is_away:
                    logger.info("The database answers again: changes of voices are seen")
        connections.close_all()

    def _look(self, look: Look, is_away: bool) -> bool:
        """Whether the database has answered."""
        try:
            changed = look.changed()
        except DatabaseError as error:
            if not is_away:
                logger.warning("Changes of voices are not seen for now: %s", " ".join(str(error).split()))
            connections.close_all()
            return False
        except Exception:
            logger.exception("Changes of voices cannot be read")
            return False
        if changed is None or changed:
            self._on_change(changed)
        return True
