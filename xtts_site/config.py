"""Typed settings: config.yaml, overridden by the environment.

The file is named by ``XTTS_SETTINGS_FILE`` (default ``./config.yaml``, which may be missing). Every key can be overridden
by ``XTTS_<SECTION>__<KEY>``, written as YAML (``XTTS_SERVICE__PORT=8000``); ``REDIS_URL`` and ``DATABASE_URL`` keep the
names that hosting platforms set. ``config.example.yaml`` documents every key.
"""

import difflib
import os
import re
import reprlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

PROJECT_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT_PREFIX = "XTTS_"
SETTINGS_FILE_VARIABLE = "XTTS_SETTINGS_FILE"
SECRETS = frozenset({"service.secret_key", "redis_url", "database_url"})
URL_VARIABLES = {"REDIS_URL": "redis_url", "DATABASE_URL": "database_url"}


class ConfigError(Exception):
    """A setting is wrong. The message is one sentence that names the key."""


def _absolute(path: Path, info: ValidationInfo) -> Path:
    """Relative paths are relative to the folder of the settings file, not to where the server was started."""
    base_dir: Path = (info.context or {}).get("base_dir", Path.cwd())
    try:
        return (base_dir / path.expanduser()).resolve()
    except RuntimeError:  # "~nobody" is no user's home
        raise ValueError("there is no such home directory") from None


def _redis_url(url: str) -> str:
    from redis.asyncio.connection import parse_url

    try:
        parse_url(url)
    except ValueError:
        raise ValueError("a Redis URL looks like redis://user:password@host:6379/0") from None
    return url


def _database_url(url: str) -> str:
    import dj_database_url

    try:
        dj_database_url.parse(url)
    except ValueError:  # its own errors are of this kind, and quote the URL
        raise ValueError("a database URL looks like postgres://user:password@host:5432/name") from None
    return url


def _devices(value: Any) -> tuple[str, ...]:
    """`auto`, `cpu`, `cuda`, one GPU by number, or several: a list, or one text with commas."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) and _DEVICE.fullmatch(name) for name in names
    ):
        raise ValueError("a device is auto, cpu, cuda or a GPU such as cuda:0; several GPUs are a list of them")
    if not names or (len(names) > 1 and not all(":" in name for name in names)):
        raise ValueError("several devices have to be GPUs with their numbers, such as cuda:0 and cuda:1")
    if len(set(names)) < len(names):
        raise ValueError("each GPU can be named once")
    return tuple(names)


_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
ConfigPath = Annotated[Path, AfterValidator(_absolute)]
Count = Annotated[int, Field(strict=True, ge=1)]
Devices = Annotated[tuple[str, ...], BeforeValidator(_devices)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ServiceConfig(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 60215
    tls_certificate: ConfigPath | None = None
    tls_key: ConfigPath | None = None
    allowed_hosts: list[str] = ["localhost", "127.0.0.1", "[::1]"]
    allowed_origins: list[str] = []
    data_dir: ConfigPath = Path("var")
    secret_key: Annotated[str, Field(min_length=32)] | None = None
    behind_tls_proxy: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    max_concurrency: Count = 2
    max_waiting: Annotated[int, Field(strict=True, ge=0)] = 64
    max_connections: Count = 512
    max_upload_megabytes: Annotated[float, Field(gt=0, le=2000)] = 100.0
    max_message_bytes: Annotated[int, Field(strict=True, ge=1024, le=900_000)] = 262_144
    max_pending_chars: Count = 50_000
    max_packet_ms: Annotated[int, Field(strict=True, ge=5, le=1000)] = 60
    max_ahead_seconds: Seconds = 10.0
    stall_timeout_seconds: Seconds = 20.0
    engine_timeout_seconds: Seconds = 60.0

    @model_validator(mode="after")
    def _tls_is_a_pair(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both or neither")
        return self


class ModelConfig(Section):
    engine: Literal["auto", "xtts", "demo"] = "auto"
    config_path: ConfigPath | None = None
    checkpoint_path: ConfigPath | None = None
    tokenizer_path: ConfigPath | None = None
    speaker_wav: ConfigPath | None = None
    language: Annotated[str, Field(min_length=2, max_length=10)] = "en"
    device: Devices = ("auto",)
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    threads: Count | None = None

    @model_validator(mode="after")
    def _a_checkpoint_is_whole(self) -> Self:
        if self.checkpoint_path is None and self.engine == "xtts":
            raise ValueError(
                "engine xtts needs checkpoint_path, the folder of an XTTS v2 model (manage.py fetch_xtts gets one)"
            )
        if self.checkpoint_path is None and (self.config_path or self.tokenizer_path):
            raise ValueError("config_path and tokenizer_path belong to a model that checkpoint_path names")
        return self

    @model_validator(mode="after")
    def _precision_suits_the_device(self) -> Self:
        if self.precision == "int8" and self.device[0].startswith("cuda"):
            raise ValueError("precision int8 is for CPUs; on a GPU there are fp16, bf16 and fp32")
        if self.precision in ("fp16", "bf16") and self.device == ("cpu",):
            raise ValueError(f"precision {self.precision} is for GPUs; on a CPU there are int8 and fp32")
        return self

    @property
    def uses_xtts(self) -> bool:
        return self.checkpoint_path is not None and self.engine != "demo"


class VoicesConfig(Section):
    unknown: Literal["refuse", "default"] = "refuse"
    min_clip_seconds: Seconds = 1.0
    max_clip_seconds: Seconds = 120.0
    max_clip_megabytes: Annotated[float, Field(gt=0, le=500)] = 20.0


class ForwardConfig(Section):
    allowed_prefixes: list[Annotated[str, Field(min_length=1)]] = ["sess:"]
    raw_channels: bool = True
    max_queued_seconds: Seconds = 120.0


class Config(Section):
    service: ServiceConfig
    model: ModelConfig
    voices: VoicesConfig
    forward: ForwardConfig
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = None
    database_url: Annotated[str, AfterValidator(_database_url)] | None = None


@cache
def get_config() -> Config:
    """The settings of this process, read once. Raises ConfigError."""
    return load_config(os.environ)


def load_config(environment: Mapping[str, str]) -> Config:
    """Read the settings file that `environment` names, then its overrides. Raises ConfigError."""
    asked_for = environment.get(SETTINGS_FILE_VARIABLE)
    try:
        path = Path(asked_for or "config.yaml").expanduser().resolve()
    except RuntimeError:
        raise ConfigError(f"{SETTINGS_FILE_VARIABLE} names {asked_for}, and there is no such home directory.") from None
    values = _read_file(path, must_exist=bool(asked_for))
    sources = _overlay_environment(values, environment)
    try:
        return Config.model_validate({name: {} for name in _sections()} | values, context={"base_dir": path.parent})
    except ValidationError as error:
        raise ConfigError(_sentence(error, path, sources)) from None


def _sections() -> dict[str, type[Section]]:
    fields = {name: field.annotation for name, field in Config.model_fields.items()}
    return {name: kind for name, kind in fields.items() if isinstance(kind, type) and issubclass(kind, Section)}


def _read_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{SETTINGS_FILE_VARIABLE} names {path}, which does not exist.") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    values = _parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} must hold sections such as 'service:' at its top level.")
    # A section whose keys are all commented out reads as null: that means "nothing set".
    return {key: {} if value is None and key in _sections() else value for key, value in values.items()}


def _parse_yaml(text: str, source: str) -> Any:
    """Raises ConfigError, without a word of the text in it: it may hold passwords."""
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{source} is not valid YAML{line}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{source} is not valid YAML.") from None


def _overlay_environment(values: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Write the environment's overrides into `values`; returns key -> variable, for error messages. An empty variable
    counts as none."""
    sources: dict[str, str] = {}
    for variable, key in URL_VARIABLES.items():
        if environment.get(variable):
            values[key] = environment[variable]
            sources[key] = variable
    for variable, text in environment.items():
        if not text or not variable.startswith(ENVIRONMENT_PREFIX) or variable == SETTINGS_FILE_VARIABLE:
            continue
        section, _, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if section not in _sections() or not key:
            raise ConfigError(f"The environment variable {variable} names no setting; {_did_you_mean(section, key)}")
        if not isinstance(values.setdefault(section, {}), dict):
            raise ConfigError(f"{section} must be a section with keys of its own.")
        name = f"{section}.{key}"
        # A secret is what it says, whatever it would mean in YAML.
        values[section][key] = text if name in SECRETS else _parse_yaml(text, f"The environment variable {variable}")
        sources[name] = variable
    return sources


def _sentence(error: ValidationError, path: Path, sources: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    loc = [str(part) for part in first["loc"]]
    key = ".".join(loc)
    where = sources.get(".".join(loc[:2]))
    origin = f"The environment variable {where} sets" if where else f"{path} sets"
    if first["type"] == "extra_forbidden":
        return f"{origin} {key}, which is not a setting; {_did_you_mean(*loc)}"
    if loc[-1:] == loc and key in _sections() and first["type"] == "model_type":
        return f"{path}: {key} must be a section with keys of its own."
    reason = first["msg"].removeprefix("Value error, ")
    # Only a plain value is shown, and never one that may be a secret.
    is_shown = key not in SECRETS and isinstance(first["input"], str | int | float | bool)
    if key in _sections():  # the keys of a section do not fit each other
        variables = sorted(variable for name, variable in sources.items() if name.startswith(f"{key}."))
        return f"{', '.join(variables) or path}: {key}: {reason}."
    value = f" to {reprlib.repr(first['input'])}" if is_shown else ""
    return f"{origin} {key}{value}, but {reason[0].lower()}{reason[1:]}."


def _did_you_mean(section: str, key: str = "", *_: str) -> str:
    known = setting_keys()
    close = difflib.get_close_matches(f"{section}.{key}".strip("."), known, n=1)
    return f"did you mean {close[0]}?" if close else f"the settings are {', '.join(known)}."


def setting_keys() -> list[str]:
    """Every key that a settings file may hold, as ``section.key``."""
    sections = _sections()
    top_level = [name for name in Config.model_fields if name not in sections]
    return [f"{name}.{key}" for name, kind in sections.items() for key in kind.model_fields] + top_level
