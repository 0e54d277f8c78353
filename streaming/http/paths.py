"""Which paths are the API's? Those that routing takes for it, wherever a project includes `streaming.urls`."""

from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

from streaming.connection.paths import tidy

NAMESPACE = "speech"


def speech_prefix() -> str:
    """The path below which `streaming.urls` is included, "speech/" or "" for instance. Raises ImproperlyConfigured."""
    try:
        page = reverse(f"{NAMESPACE}:openapi-json")
    except NoReverseMatch:
        raise ImproperlyConfigured(
            "Speech needs a place in the URLs of the project, outside of other namespaces and of i18n_patterns: "
            'path("speech/", include("streaming.urls")), for instance.'
        ) from None
    # Django quotes what it reverses; the paths of requests, and what they say to be mounted at, are not quoted any more.
    return unquote(page).removeprefix(get_script_prefix()).removesuffix("openapi.json")


class ApiPaths:
    """`prefix`: see `speech_prefix`."""

    def __init__(self, prefix: str) -> None:
        self._beginnings = (f"/{prefix}v1/", f"/{prefix}v2/")

    def __contains__(self, path_info: str) -> bool:
        """Whether the path leads to an operation of the API. A project may have paths of its own beside it."""
        if not path_info.startswith(self._beginnings):
            return False
        try:
            return NAMESPACE in resolve(path_info).app_names
        except Resolver404:
            return False

    def meant_by(self, path_info: str) -> str:
        """The API's path that is meant by a client that doubles slashes, or ends a path with one: no id of ours has any. Any
        other path as it is."""
        tidied = tidy(path_info)
        return tidied if tidied != path_info and tidied in self else path_info
