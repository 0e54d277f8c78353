from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from streaming.access.models import ApiKey
from voices.models import Voice

NewKey = Callable[..., tuple[ApiKey, str]]


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def new_key(db: None) -> NewKey:
    """Makes a key; gives it and its text."""

    def make(**fields: Any) -> tuple[ApiKey, str]:
        return ApiKey.objects.create_with_secret(**{"name": "Test"} | fields)

    return make


@pytest.fixture
def voice(db: None) -> Voice:
    return Voice.objects.create(voice_id="anna", name="Anna")
