from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.pure.voices.recordings import recording
from voices.models import ReferenceClip, Voice

AddClip = Callable[..., ReferenceClip]
Committed = Callable[[], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    """Recordings are stored here. Passwords are hashed cheaply, too."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return tmp_path / "media"


@pytest.fixture
def voice(db: None) -> Voice:
    return Voice.objects.create(voice_id="anna", name="Anna")


@pytest.fixture
def add_clip(db: None) -> AddClip:
    """Stores a recording the way a form does: cleaned, then saved."""

    def add(voice: Voice, content: bytes | None = None, name: str = "anna.wav") -> ReferenceClip:
        clip = ReferenceClip(voice=voice, file=SimpleUploadedFile(name, content or recording()))
        clip.full_clean()
        clip.save()
        return clip

    return add


@pytest.fixture
def committed(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Committed:
    """What is changed within it is committed at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
