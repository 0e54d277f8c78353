"""Which API's form does an answer have, where a path does not tell: ElevenLabs' or OpenAI's?"""

import re

from django.http import HttpRequest

from streaming.http.paths import speech_prefix

# As its SDKs name themselves: OpenAI/Python, AsyncOpenAI/Python, OpenAI/JS, OpenAI/Go ...
_OPENAI_AGENT = re.compile(r"(Async)?(Azure)?OpenAI/")
# What the form of the list of models depends on, for caches.
DECISIVE_HEADERS = ("Authorization", "xi-api-key", "User-Agent")


def is_for_openai(request: HttpRequest) -> bool:
    """By the path where only one of them has it. The list of models is at the same path in both: there the client decides,
    by the header that it brings its key in, or by its name."""
    path = request.path_info.removeprefix(f"/{speech_prefix()}v1/")
    return path.startswith(("audio/", "models/")) or (path == "models" and _is_openais_client(request))


def _is_openais_client(request: HttpRequest) -> bool:
    headers = request.headers
    if headers.get("xi-api-key"):
        return False
    has_bearer = headers.get("Authorization", "").lower().startswith("bearer")
    return has_bearer or _OPENAI_AGENT.match(headers.get("User-Agent", "")) is not None
