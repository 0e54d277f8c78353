"""A storage without paths on a disk, as S3 is one."""

from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible


@deconstructible
class InDatabase(Storage):
    def _open(self, name: str, mode: str = "rb") -> "ContentFile[bytes]":
        return ContentFile(bytes(self._files().get(name=name).content), name)

    def _save(self, name: str, content: Any) -> str:
        self._files().create(name=name, content=content.read())
        return name

    def delete(self, name: str) -> None:
        self._files().filter(name=name).delete()

    def exists(self, name: str) -> bool:
        return bool(self._files().filter(name=name).exists())

    def size(self, name: str) -> int:
        return len(self._files().get(name=name).content)

    def _files(self) -> Any:
        from host.models import StoredFile

        return StoredFile.objects
