"""A project that existed before speech: Russian pages, users with an e-mail address alone, pages at /v1, its own storage."""

import os
from pathlib import Path

BASE_DIR = Path(os.environ["HOST_DIR"])
SECRET_KEY = "only-for-tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "host.example"]
ROOT_URLCONF = "host.urls"
AUTH_USER_MODEL = "host.Person"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
LANGUAGE_CODE = "ru"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "host",
]
MIDDLEWARE = [
    "host.middleware.stamp",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "host.sqlite3",
        "ATOMIC_REQUESTS": True,
        # SQLite refuses a transaction at once that has read, wants to write, and finds that somebody else has written.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 60},
    }
}
STORAGES = {
    "default": {"BACKEND": "host.storage.InDatabase"},
    "staticfiles": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
}
LOGIN_URL = "/admin/login/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
STATIC_URL = "static/"

# What docs/django.md asks for.
INSTALLED_APPS += ["channels", "ninja", "voices", "streaming", "streaming.access"]
XTTS = {"access": {"require_keys": True}}
# For whoever scrapes.
XTTS["metrics"] = {"token": "the-token-of-a-scraper"}
# And its way to have static files without another web server.
if "HOST_STATIC" in os.environ:
    INSTALLED_APPS += ["django.contrib.staticfiles"]
    MIDDLEWARE.insert(0, "whitenoise.middleware.WhiteNoiseMiddleware")
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True
