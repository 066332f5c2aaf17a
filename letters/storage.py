"""Files in the database, behind Django's storage interface: every worker has them, and an object store can take their place."""

from __future__ import annotations

import hashlib
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.urls import reverse
from django.utils.deconstruct import deconstructible


def _rows() -> Any:
    """The model, looked up late: the storage is named in the settings, before models are loaded."""
    return apps.get_model("letters", "StoredFile")


@deconstructible
class DatabaseStorage(Storage):
    """Keeps each file as one ``StoredFile`` row; a name is written once and never over another."""

    def _row(self, name: str) -> Any:
        return _rows().objects.get(name=name)

    def _open(self, name: str, mode: str = "rb") -> File:
        return ContentFile(bytes(self._row(name).content), name=name)

    def _save(self, name: str, content: File) -> str:
        data = content.read()
        _rows().objects.create(name=name, content=data, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        return name

    def exists(self, name: str) -> bool:
        return _rows().objects.filter(name=name).exists()

    def delete(self, name: str) -> None:
        _rows().objects.filter(name=name).delete()

    def size(self, name: str) -> int:
        return int(self._row(name).size)

    def url(self, name: str | None) -> str:
        return reverse("desk:file", args=[name])
