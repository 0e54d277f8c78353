"""What the storage of the recordings has to do besides Django's own interface, and how it fails."""

import errno
from typing import Any, Literal

from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext, gettext_noop

Trouble = Literal["silent", "denied", "no_bucket", "broken"]
REASONS: dict[Trouble, str] = {
    "silent": gettext_noop("the storage of the recordings does not answer"),
    "denied": gettext_noop("the storage of the recordings denies this server access, whose keys have to be checked"),
    "no_bucket": gettext_noop("the bucket for the recordings does not exist, and its name has to be checked"),
    "broken": gettext_noop("the storage of the recordings reports an error, which is in the server log"),
}


class StorageUnavailable(OSError):
    """The storage of the recordings cannot be used now. `strerror` is the reason for a sentence around it; as text, it is a
    sentence. Both are in the language of whoever asks; `reason` is in English, for programs."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self.reason = REASONS[trouble]
        super().__init__(errno.EIO, gettext(REASONS[trouble]))

    def __str__(self) -> str:
        reason = str(self.strerror)
        return f"{reason[:1].upper()}{reason[1:]}."


def read_part(file: FieldFile, part: range) -> bytes:
    """Some bytes of a stored file. Of a storage that can read a part, no more is fetched. Raises OSError."""
    storage: Any = file.storage
    if part and hasattr(storage, "read_part"):
        return bytes(storage.read_part(str(file.name), part))
    with storage.open(str(file.name)) as opened:
        opened.seek(part.start)
        return bytes(opened.read(len(part)))
