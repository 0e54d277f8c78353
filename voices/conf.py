"""The settings of the voices: `settings.XTTS["voices"]`. And what the settings of every app are made of."""

import importlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from django.conf import ENVIRONMENT_VARIABLE, settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voices.known_ids import OpenAIName

SETTING = "XTTS"


class Section(BaseModel):
    """Keys with their types, ranges and defaults. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


VoiceId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
AnySection = TypeVar("AnySection", bound=Section)


class VoicesConfig(Section):
    unknown: Literal["refuse", "default"] = "refuse"
    openai_names: VoiceId | Mapping[OpenAIName, VoiceId] | None = None
    min_clip_seconds: Seconds = 1.0
    max_clip_seconds: Seconds = 120.0
    max_clip_megabytes: Annotated[float, Field(gt=0, le=500)] = 20.0
    max_clips_per_voice: Annotated[int, Field(ge=1, le=1000)] = 50
    max_decode_seconds: Seconds = 30.0
    max_decode_megabytes: Annotated[float, Field(gt=0, le=10_000)] = 256.0
    prepare_in_background: bool = True


@cache
def get_config() -> VoicesConfig:
    """The settings of the voices. Raises ImproperlyConfigured."""
    return read_section(VoicesConfig, xtts_settings().get("voices") or {}, "voices")


def xtts_settings() -> Mapping[str, Any]:
    """`settings.XTTS`; without one everything has its default. Raises ImproperlyConfigured."""
    values = getattr(settings, SETTING, None) or {}
    if not isinstance(values, Mapping):
        raise ImproperlyConfigured(f"{SETTING} must be a dictionary of sections.")
    return values


def read_section(kind: type[AnySection], values: Any, *place: str) -> AnySection:
    """Check the values of a section, which stands at `place` in `settings.XTTS`. Raises ImproperlyConfigured with one
    sentence that names the first wrong key."""
    try:
        return kind.model_validate(values, context={"base_dir": base_dir()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = "".join(f"[{part!r}]" for part in (*place, *first["loc"]))
        if first["type"] == "extra_forbidden":
            raise ImproperlyConfigured(f"{SETTING}{key} is not a setting.") from None
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ImproperlyConfigured(f"{SETTING}{key}: {reason[0].lower()}{reason[1:]}.") from None


def base_dir() -> Path:
    """The folder that relative paths start from: the project's BASE_DIR, or the folder above its settings module."""
    if named := getattr(settings, "BASE_DIR", None):
        return Path(named)
    module = importlib.import_module(os.environ[ENVIRONMENT_VARIABLE])
    return Path(str(module.__file__)).resolve().parent.parent


def _forget(*, setting: str, **_: Any) -> None:
    if setting in (SETTING, "BASE_DIR"):
        get_config.cache_clear()


setting_changed.connect(_forget)
