"""Django settings, made from the typed settings in `xtts_site.config`."""

import os
import secrets
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_database_url

from xtts_site import deploy_checks, private_files
from xtts_site.config import PROJECT_DIR, ConfigError, get_config

# Here, because every way to start reads the settings before it writes anything.
private_files.keep_private()
CONFIG = get_config()
SERVICE = CONFIG.service


def _kept_secret_key(path: Path) -> str:
    """The secret key of this installation: made at the first start, readable by its owner only. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or not path.stat().st_size:
            _make_secret_key(path)
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"service.data_dir cannot be used: {error.strerror}: {path.parent}.") from None


def _make_secret_key(path: Path) -> None:
    # Written beside it and linked, so that nobody ever sees half a key; of several that start at once, one wins.
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        if path.exists() and not path.stat().st_size:
            path.unlink()
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)


def _database(url: str | None) -> dict[str, Any]:
    if url is None:
        url = f"sqlite:///{SERVICE.data_dir / 'db.sqlite3'}"
    database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # Readers never wait for a writer, and writers wait for each other instead of failing.
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        database["OPTIONS"] = {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": pragmas}
    elif database["ENGINE"] == "django.db.backends.postgresql":
        # A server that is stopped takes connections, and says nothing.
        database["OPTIONS"] = {"connect_timeout": 2} | database.get("OPTIONS", {})
    return database


def _storage() -> dict[str, Any]:
    """Of the recordings. Raises ConfigError."""
    if CONFIG.storage.bucket is None:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    if find_spec("boto3") is None:
        raise ConfigError(
            "storage.bucket needs a package that is not installed (boto3): run `pip install -r requirements-s3.txt` in the "
            "project's folder, or `pip install 'xtts-stream-server[s3]'`."
        )
    return {"BACKEND": "voices.s3.S3Storage", "OPTIONS": CONFIG.storage.model_dump(exclude={"folder"})}


SECRET_KEY = SERVICE.secret_key or _kept_secret_key(SERVICE.data_dir / "secret_key")
DEBUG = False
BASE_DIR = PROJECT_DIR
XTTS = CONFIG.of_the_apps()
ALLOWED_HOSTS = list(SERVICE.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [origin for origin in SERVICE.allowed_origins if "://" in origin]
ROOT_URLCONF = "xtts_site.urls"
ASGI_APPLICATION = "xtts_site.asgi.application"

INSTALLED_APPS = [
    "xtts_site.apps.SiteConfig",  # first: its runserver stands in for Django's
    "xtts_site.apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "ninja",
    "voices",
    "streaming",
    "streaming.access",
]
MIDDLEWARE = [
    "xtts_site.page_headers.page_headers",
    "streaming.http.middleware.api_middleware",
    "django.middleware.security.SecurityMiddleware",
    "xtts_site.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": _database(CONFIG.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Only forward mode opens a layer (streaming.forwarding): the pub/sub kind, because the queue kind drops bursts.
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [CONFIG.redis_url]}}
    if CONFIG.redis_url
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SERVICE.tls_certificate is not None or SERVICE.behind_tls_proxy
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SERVICE.behind_tls_proxy else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = list(deploy_checks.DJANGOS)

LANGUAGE_CODE = "en"
# Of the pages, each in its own words. What is said to programs is English.
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# WhiteNoise serves the admin's files from where they are installed: no collectstatic step.
WHITENOISE_USE_FINDERS = True
# The files in it are at the root of the site, where browsers look for an icon.
WHITENOISE_ROOT = Path(__file__).with_name("root_files")
STORAGES = {
    "default": _storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = CONFIG.recordings_folder
# Django would give an upload rights of its own choice, whatever the umask.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = private_files.FILE, private_files.FOLDER
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# A dictionary of the longest kind is one form: 1000 rules of 6 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 7000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "streaming.logs.formats.PlainFormatter"},
        "json": {"()": "streaming.logs.formats.JsonFormatter"},
    },
    "filters": {
        "request_id": {"()": "streaming.logs.formats.RequestIdFilter"},
        "outages": {"()": "streaming.logs.outages.OutageFilter"},
        "repetitions": {"()": "streaming.logs.repetitions.RepetitionFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": SERVICE.log_format,
            "filters": ["request_id", "repetitions", "outages"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"level": "WARNING"},
        **{name: {"level": SERVICE.log_level.upper()} for name in ("streaming", "voices", "xtts_site")},
    },
}
