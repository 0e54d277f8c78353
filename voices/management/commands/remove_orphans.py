"""Files of recordings that no recording names, and recordings whose file is lost."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.files.storage import Storage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from voices.clip_files import FILE_FIELDS, named
from voices.models import ReferenceClip
from voices.reference_clips import FOLDERS

# As recordings and copies are named. In a host project's storage other files may lie beside them.
_OURS = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{1,8}")
# How many names are asked for at once.
_AT_ONCE = 500


class Command(BaseCommand):
    help = (
        "Finds files that no recording names, which remain where a server ends while it stores or deletes one, and "
        "recordings whose file is lost. Without --delete nothing is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete the files that no recording names")
        parser.add_argument(
            "--hours",
            type=float,
            default=24.0,
            help="leave younger files alone: they may belong to an upload that is just going on (24)",
        )

    def handle(self, *_: Any, delete: bool, hours: float, **__: Any) -> None:
        if hours < 0:
            raise CommandError("--hours must not be negative.")
        found = deleted = size = 0
        for storage, name in _orphans(timezone.now() - timedelta(hours=hours)):
            found, size = found + 1, size + _size(storage, name)
            self.stdout.write(f"{'Deleted' if delete else 'Found'}: {name}")
            if delete:
                storage.delete(name)
                deleted += 1
        self.stdout.write(f"{found} files ({size / 2**20:.1f} MB) belong to no recording; {deleted} were deleted.")
        if found and not delete:
            self.stdout.write("Nothing was changed. Delete them with --delete.")
        self._report_lost()

    def _report_lost(self) -> None:
        lost = 0
        for clip in ReferenceClip.objects.select_related("voice").iterator():
            for field in FILE_FIELDS:
                file = getattr(clip, field)
                # Once more: it may have been deleted or replaced meanwhile.
                if file and not file.storage.exists(file.name) and named([file.name]):
                    lost += 1
                    what = "The file" if field == "file" else "The copy, which is made again when it is needed,"
                    self.stdout.write(
                        f"{what} of recording {clip.pk} of the voice {clip.voice.voice_id!r} is lost: {file.name}"
                    )
        self.stdout.write(f"{lost} files of recordings are lost.")


def _orphans(until: datetime) -> Iterator[tuple[Storage, str]]:
    """The files are listed before the rows are asked for: a name that then has no row is too old to get one."""
    for field, folder in FOLDERS.items():
        storage: Storage = ReferenceClip._meta.get_field(field).storage  # type: ignore[union-attr]
        old = [name for name in _files(storage, folder) if _is_older(storage, name, until)]
        for start in range(0, len(old), _AT_ONCE):
            batch = old[start : start + _AT_ONCE]
            kept = named(batch)
            yield from ((storage, name) for name in batch if name not in kept)


def _files(storage: Storage, folder: str) -> list[str]:
    try:
        return sorted(f"{folder}/{name}" for name in storage.listdir(folder)[1] if _OURS.fullmatch(name))
    except FileNotFoundError:  # nothing has been stored yet
        return []


def _is_older(storage: Storage, name: str, until: datetime) -> bool:
    try:
        modified = storage.get_modified_time(name)
    except FileNotFoundError:  # deleted meanwhile
        return False
    return (modified if timezone.is_aware(modified) else timezone.make_aware(modified)) < until


def _size(storage: Storage, name: str) -> int:
    try:
        return storage.size(name)
    except FileNotFoundError:
        return 0
