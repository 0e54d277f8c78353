"""Typed settings: config.yaml, overridden by the environment.

The file is named by ``XTTS_SETTINGS_FILE`` (default: ``config.yaml`` in the project's folder, which may be missing). Every
key can be overridden by ``XTTS_<SECTION>__<KEY>``, written as YAML (``XTTS_SERVICE__PORT=8000``); ``REDIS_URL`` and
``DATABASE_URL`` keep the names that hosting platforms set. Other variables that begin with ``XTTS_`` are not ours:
Kubernetes sets some for every service named ``xtts``. ``config.example.yaml`` documents every key.
"""

import difflib
import os
import re
import reprlib
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from streaming import conf
from streaming.conf import ConfigPath, section_types, with_sections
from voices.conf import Seconds, Section

PROJECT_DIR = Path(__file__).resolve().parent.parent
APPLICATION_NAME = "xtts-stream-server"
ENVIRONMENT_PREFIX = "XTTS_"
SETTINGS_FILE_VARIABLE = "XTTS_SETTINGS_FILE"
SECRETS = frozenset(
    {
        *("service.secret_key", "metrics.token", "redis_url", "database_url"),
        # An address may have a password in it, although it must not.
        *("storage.access_key", "storage.secret_key", "storage.endpoint"),
    }
)
URL_VARIABLES = {"REDIS_URL": "redis_url", "DATABASE_URL": "database_url"}


class ConfigError(Exception):
    """A setting is wrong. The message is one sentence that names the key."""


def check_database_url(url: str) -> str:
    import dj_database_url

    try:
        dj_database_url.parse(url)
    except ValueError:  # its own errors are of this kind, and quote the URL
        raise ValueError("a database URL looks like postgres://user:password@host:5432/name") from None
    return url


def check_endpoint(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@?#]+/?", url):
        raise ValueError("an endpoint looks like https://s3.example.com; the bucket has a setting of its own")
    return url


class ServiceConfig(conf.ServiceConfig):
    """What the apps need of the section, and what only this project does."""

    host: str = "127.0.0.1"
    port: conf.Port = 60215
    server: Literal["uvicorn", "daphne"] = "uvicorn"
    tls_certificate: ConfigPath | None = None
    tls_key: ConfigPath | None = None
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    secret_key: Annotated[str, Field(min_length=32)] | None = None
    behind_tls_proxy: bool = False
    hsts_seconds: Annotated[int, Field(strict=True, ge=0, le=63_072_000)] = 31_536_000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["plain", "json"] = "plain"

    @model_validator(mode="after")
    def _tls_is_a_pair(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must both be set, or neither")
        return self


class StorageConfig(Section):
    """Where recordings are: in a folder, or in a bucket. All but `folder` are the arguments of `voices.s3.S3Storage`."""

    folder: ConfigPath | None = None
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")] | None = None
    endpoint: Annotated[str, AfterValidator(check_endpoint)] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    access_key: Annotated[str, Field(min_length=1)] | None = None
    secret_key: Annotated[str, Field(min_length=1)] | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/._-]*$", max_length=100)] = ""
    timeout_seconds: Seconds = 10.0

    @model_validator(mode="after")
    def _keys_are_a_pair(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key must both be set, or neither")
        return self

    @model_validator(mode="after")
    def _a_bucket_is_named(self) -> Self:
        if self.bucket is None and (self.endpoint or self.region or self.access_key or self.prefix):
            raise ValueError("bucket must be set, or recordings are kept in a folder")
        if self.bucket and self.folder:
            raise ValueError("folder and bucket must not both be set")
        return self


class Config(conf.Config):
    service: ServiceConfig
    storage: StorageConfig
    database_url: Annotated[str, AfterValidator(check_database_url)] | None = None

    @property
    def recordings_folder(self) -> Path:
        """Unless they are in a bucket."""
        return self.storage.folder or self.service.data_dir / "media"

    def of_the_apps(self) -> dict[str, Any]:
        """`settings.XTTS`: what the apps know, without what only this project does."""
        return {
            name: section.model_dump(include=set(kind.model_fields))
            for name, kind in section_types(conf.Config).items()
            for section in [getattr(self, name)]
        } | {"redis_url": self.redis_url}


@cache
def get_config() -> Config:
    """The settings of this process, read once. Raises ConfigError."""
    return load_config(os.environ)


def load_config(environment: Mapping[str, str]) -> Config:
    """Read the settings file that `environment` names, then its overrides. Raises ConfigError."""
    asked_for = environment.get(SETTINGS_FILE_VARIABLE)
    try:
        path = Path(asked_for or home_dir() / "config.yaml").expanduser().resolve()
    except RuntimeError:
        raise ConfigError(f"{SETTINGS_FILE_VARIABLE} names {asked_for}, whose home directory does not exist.") from None
    values = _read_file(path, must_exist=bool(asked_for))
    sources = _overlay_environment(values, environment)
    try:
        return Config.model_validate(with_sections(Config, values), context={"base_dir": path.parent})
    except ValidationError as error:
        raise ConfigError(_sentence(error, path, sources)) from None


def home_dir() -> Path:
    """Where this installation keeps its settings file and its data: the project's folder, or, of an installed package, a
    folder of the user."""
    if (PROJECT_DIR / "manage.py").exists():
        return PROJECT_DIR
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / APPLICATION_NAME


def manage() -> str:
    """How a user runs a management command of this installation."""
    if (PROJECT_DIR / "manage.py").exists():
        return f"{os.path.relpath(sys.executable)} manage.py"
    return APPLICATION_NAME


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
        raise ConfigError(f"{path} must contain sections such as 'service:' at its top level.")
    # A section whose keys are all commented out reads as null: that means "nothing set".
    return {key: {} if value is None and key in section_types(Config) else value for key, value in values.items()}


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
        section, divided, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not text or not variable.startswith(ENVIRONMENT_PREFIX) or not divided:
            continue
        if section not in section_types(Config) or not key:
            raise ConfigError(f"The environment variable {variable} names no setting; {_did_you_mean(section, key)}")
        if not isinstance(values.setdefault(section, {}), dict):
            raise ConfigError(f"{section} must be a section that contains keys.")
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
    if loc[-1:] == loc and key in section_types(Config) and first["type"] == "model_type":
        return f"{path}: {key} must be a section that contains keys."
    reason = first["msg"].removeprefix("Value error, ")
    # Only a plain value is shown, and never one that may be a secret.
    is_shown = key not in SECRETS and isinstance(first["input"], str | int | float | bool)
    if key in section_types(Config):  # the keys of a section do not fit each other
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
    sections = section_types(Config)
    top_level = [name for name in Config.model_fields if name not in sections]
    return [f"{name}.{key}" for name, kind in sections.items() for key in kind.model_fields] + top_level


if __name__ == "__main__" and sys.argv[1:] == ["uses-xtts"]:
    # For the Makefile: whether `make run` has to install what XTTS needs.
    sys.exit(0 if get_config().model.uses_xtts else 1)
