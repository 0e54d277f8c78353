"""A disk that becomes full."""

import errno
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage


def fill_after(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """So many more are stored; of the next one only its beginning, as on a real disk."""
    disk: Any = FileSystemStorage
    save, stored = disk._save, [0]

    def refuse(storage: FileSystemStorage, name: str, content: Any) -> Any:
        if stored[0] < files:
            stored[0] += 1
            return save(storage, name, content)
        content.seek(0)
        path = Path(storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read(1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", refuse)
